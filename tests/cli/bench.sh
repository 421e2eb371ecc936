# The benchmark runs, every case of it, and says so in valid JSON. What is fast enough is not asked here.
. "$(dirname "$0")/lib.bash"

expect 2 bench no-such-case; says "unknown case 'no-such-case'"
expect 2 bench scan-prises; says "did you mean 'scan-prices'?"
for budget in 0 1M 5x -1 ""; do expect 2 bench --budget "$budget"; says "budget"; done
for runs in 0 101 x ""; do expect 2 bench --runs "$runs"; says "rounds"; done

expect 0 bench --list
awk '{ print $1 }' out >cases
for name in scan-prices scan-sequence scan-constant scan-noise rescan codec random cold update commit open views memory \
  r-sum r-loop r-index grow-size grow-objects grow-length grow-threads; do
  grep -qx "$name" cases || failed "the case $name is not listed"
done

# measured CASE...: runs them, with sums checked, and leaves the JSON in the file out.
measured() {
  last="ufostore bench --quick --json $*"
  timeout 110 "$UFOSTORE_BIN" bench --quick --json --folder . --budget 8M "$@" >out 2>err
  status=$?
  [ "$status" = 0 ] && [ ! -s err ] || failed "exit status $status: $(grep -A1 '"state": "failed"' out)"
  valid_json
}

measured
for name in $(cat cases); do shows "\"name\": \"$name\""; done
hides '"state": "failed"'
for key in processor kernel huge_pages file_system userfaultfd_features samples ratio target met; do shows "\"$key\""; done
if command -v python3 >/dev/null 2>&1; then
  # Every case that ran has a sample of each series, a verdict on each goal, or curves.
  python3 - <<'END' || failed "a case is incomplete"
import json
cases = json.load(open("out", encoding="utf-8"))["cases"]
assert [c["name"] for c in cases] == open("cases").read().split()
for c in cases:
    if c["state"] == "not run":
        assert c["reason"], c["name"]
        assert c["name"].startswith("r-") or c["name"] == "cold", (c["name"], c["reason"])
        continue
    assert c["state"] == "ran", c
    assert c["series"] or c["curves"], c["name"]
    assert all(s["samples"] and s["median"] is not None for s in c["series"]), c["name"]
    assert all(g["ratio"] > 0 and g["met"] in (True, False) for g in c["goals"]), c["name"]
    assert all(len(v["x"]) == len(v["y"]) > 0 for v in c["curves"]), c["name"]
END
fi
[ -z "$(find . -name 'ufostore-bench.*')" ] || failed "data were left behind"

# The results can be drawn, and made tables of.
if command -v Rscript >/dev/null 2>&1; then
  last="Rscript tables.R out"
  Rscript "$UFOSTORE_SOURCE/bindings/r/bench/tables.R" out >tables 2>err || failed "no tables"
  grep -q '^| scan-prices | scan / one-thread decode' tables || failed "no table of goals"
  grep -q '^## grow-threads' tables || failed "no table of growth"
fi
if command -v Rscript >/dev/null 2>&1 && Rscript -e 'quit(status = !capabilities("cairo"))' >/dev/null 2>&1; then
  last="Rscript plot.R out"
  Rscript "$UFOSTORE_SOURCE/bindings/r/bench/plot.R" out . 2>err || failed "no pictures"
  for picture in throughput latency goals; do
    grep -q '<svg' "$picture.svg" || failed "$picture.svg is no picture"
  done
fi

# The beginning of a name means several cases; people get a table.
expect 0 bench scan --quick --budget 4M --runs 2 --folder .
shows "scan-constant:"; shows "one-thread decode"; shows "2 rounds"
hides "rescan:"

# Interrupted, it cleans up.
last="ufostore bench, then SIGTERM"
"$UFOSTORE_BIN" bench scan --folder . >out 2>err &
tool=$!
for _ in $(seq 300); do [ -n "$(find . -name prices.ufo)" ] && break; sleep 0.1; done
kill -TERM $tool
wait $tool
status=$?
[ "$status" = 143 ] || failed "exit status $status, expected 143"
says "interrupted"
[ -z "$(find . -name 'ufostore-bench.*')" ] || failed "data were left behind"

expect 1 bench scan --quick --folder nowhere; says "nowhere"
