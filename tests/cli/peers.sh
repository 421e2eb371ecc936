# The comparison with other R packages runs, compares what it reads, and hides nothing: what is not installed, what a peer
# cannot do, what went wrong. It needs R alone; ufostore's own R package is measured where it is installed.
. "$(dirname "$0")/lib.bash"
command -v Rscript >/dev/null 2>&1 || { echo "there is no Rscript"; exit 77; }
bench=$UFOSTORE_SOURCE/bindings/r/bench

# peers STATUS ARGUMENTS...: runs the script from $bench, which must end with STATUS.
peers() {
  local wanted=$1
  shift
  last="Rscript peers.R $*"
  timeout 110 Rscript "$bench/peers.R" --quick --folder . "$@" >out 2>err
  status=$?
  [ "$status" = "$wanted" ] || failed "exit status $status, expected $wanted"
  [ -z "$(find . -name 'ufostore-peers.*')" ] || failed "data were left behind"
}
# cells TITLE CASE: the row of the table of times shows this.
cells() { sed -n '/^### Time/,/^### Where/p' out | grep -q "^| $1[^|]*|$2" || failed "no row '$1' with '$2'"; }
installed() { Rscript -e "quit(status = !requireNamespace('$1', quietly = TRUE))" >/dev/null 2>&1; }
time=' [0-9.,]* m\{0,1\}s '

peers 0 --only ufostore,fst,raw,memory create sum run
cells writeBin " 2 |$time|$time| no updates in place |"
cells 'a vector in memory' " - | not stored |$time|$time|"
if installed ufostore; then cells ufostore " [0-9.]* |$time|$time|$time|"
else cells ufostore ' - | not installed | not installed | not installed |'; fi
installed fst || cells fst ' - | not installed | not installed | not installed |'
shows '### Peak memory'; shows 'arrow ('; shows '`writeBin`, `readBin`'

# A peer that reads or stores wrong values fails, and by name.
last="peers.R with wrong peers"
mkdir wrong && cp "$bench"/*.R wrong/ && bench=wrong
sed -i 's/readBin(path, "double", file.size(path) \/ 8)/readBin(path, "double", file.size(path) \/ 8) + 0.01/' wrong/peer_list.R
peers 1 --only raw sum pick
cells writeBin ' \*\*failed\*\* | \*\*failed\*\* |'
grep -q '^\*\*Failed\*\*: writeBin, sum: .*the sum is' out || failed "not said which sum is wrong"

# Nor is one believed that forgets what was changed.
cp "$UFOSTORE_SOURCE"/bindings/r/bench/*.R wrong/
sed -i 's/update = "no updates in place"/update = function(h, i, v) invisible(h)/' wrong/peer_list.R
peers 1 --only raw run
grep -q '^\*\*Failed\*\*: writeBin, check: ' out || failed "an update that was lost is not noticed"

bench=$UFOSTORE_SOURCE/bindings/r/bench
for arguments in no-such-case --no-such-option "--only nobody" "--size 5x" "--rounds 0" "--folder nowhere"; do
  peers 2 $arguments
  [ ! -s out ] && grep -q '^peers.R: ' err || failed "not explained"
done
