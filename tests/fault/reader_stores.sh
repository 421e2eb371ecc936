#!/bin/bash
# Every store that tests write is one that the independent reader reads, and it reads the same as the library; where
# verifying finds damage, so does the reader. Runs programs that leave their stores in $UFO_TEST_KEEP (common/fixture.h,
# cli/lib.bash), and crash_torture, which is killed. Nightly: all unit and command-line tests, and more kills.
#
# By hand:  UFOSTORE_BUILD=build/dev UFOSTORE_BIN=build/dev/ufostore UFOSTORE_SOURCE=. bash tests/fault/reader_stores.sh
# With UFO_TEST_AGREE=FOLDER it runs nothing, and judges the stores in that folder (as the R tests leave them).
set -u
. "$UFOSTORE_SOURCE/tests/common/reader.sh"
if [ -n "${UFO_TEST_AGREE:-}" ]; then
  agree "$UFO_TEST_AGREE" || exit 1
  tally $((sound + unsound)) "stores of tests that reader and library judged alike"
  [ "$sound" -gt 0 ]
  exit
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/keep"
failures=0

# ---- stores of the tests
units="attributes promises_edits promises_elements promises_lists promises_append promises_names interop garbage snapshots verify verify_tables"
scripts="roundtrip store csv r_strings meaning names"
if nightly; then
  units=$(cd "$UFOSTORE_BUILD/tests" && ls | sed -n 's/^test_\([a-z0-9_]*\)$/\1/p')
  scripts=$(cd "$UFOSTORE_SOURCE/tests/cli" && ls | sed -n 's/\.sh$//p')
fi
for unit in $units; do
  [ -x "$UFOSTORE_BUILD/tests/test_$unit" ] || continue
  UFO_TEST_KEEP=$work/keep UFO_TEST_LEVEL=quick "$UFOSTORE_BUILD/tests/test_$unit" >"$work/log" 2>&1 ||
    { echo "test_$unit failed"; tail -n 5 "$work/log"; failures=1; }
done
for script in $scripts; do
  [ -e "$UFOSTORE_SOURCE/tests/cli/$script.sh" ] || continue
  UFO_TEST_KEEP=$work/keep bash "$UFOSTORE_SOURCE/tests/cli/$script.sh" >"$work/log" 2>&1
  case $? in 0 | 77) ;; *) echo "cli_$script failed"; tail -n 5 "$work/log"; failures=1 ;; esac
done
agree "$work/keep" || failures=1
tally $((sound + unsound)) "stores of tests that reader and library judged alike"
if [ "$sound" -lt 50 ]; then echo "only $sound sound stores were left by the tests"; failures=1; fi

# ---- stores of killed processes, before anybody else opens them
torture=$UFOSTORE_BUILD/tests/crash_torture kills=0
for seed in $(seq 1 "$(if nightly; then echo 60; else echo 6; fi)"); do
  store=$work/killed.ufo
  rm -f "$store"*
  "$torture" run "$store" "$seed" 100000 >/dev/null 2>&1 &
  sleep "0.$((RANDOM % 8 + 1))"
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
  [ -e "$store" ] || continue
  reader --check "$store" >"$work/log" 2>&1 || { echo "killed, seed $seed:"; tail -n 5 "$work/log"; failures=1; }
  kills=$((kills + 1))
done
tally $kills "stores of killed processes that the reader found sound"
exit $failures
