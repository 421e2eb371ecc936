#!/bin/bash
# Flipped bits, seen through the command line: what `get` gives is what was put, or it says 1 or 3 and why; it never gives
# anything else. A signal is allowed where LMDB's own pages are hit, and counted.
#
#   flips.sh              the test; offsets from a fixed seed
#   flips.sh OFFSET MASK  one flip, both decimal; what the commands say is shown
set -eu
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi # the disk's flushes are not the subject
. "$UFOSTORE_SOURCE/tests/common/crash.sh"
cd "$work"
ufo=$UFOSTORE_BIN
perl -e 'srand 5; print pack("d<*", map { rand } 1 .. 4000)' >noise
perl -e 'print pack("l<*", map { int($_ / 50) } 1 .. 8000)' >steps
perl -e 'print pack("d<*", (2.5) x 5000)' >flat
"$ufo" put s.ufo noise --type double noise
"$ufo" put s.ufo steps --type integer steps
"$ufo" put s.ufo flat --type double flat
"$ufo" put s.ufo steps --type integer steps # and a second version
size=$(stat -c %s s.ufo)
cp s.ufo whole
reported=0 signals=0 wrong=0 tried=0

one() { # offset, mask
  local name status found=0
  cp whole s.ufo
  rm -f s.ufo-lock
  perl -e 'open F, "+<", "s.ufo"; seek F, $ARGV[0], 0; read F, $b, 1; seek F, $ARGV[0], 0; print F chr(ord($b) ^ $ARGV[1])' \
    "$1" "$2"
  for name in noise steps flat; do
    status=0
    timeout 20 "$ufo" get s.ufo $name --as raw >got 2>said || status=$?
    if [ $status = 0 ]; then
      cmp -s got $name || { echo "offset $1, mask $2: get $name gave wrong values and status 0"; wrong=$((wrong + 1)); }
    elif [ $status = 1 ] || [ $status = 3 ]; then
      found=1
      grep -q '^ufostore: .*s.ufo' said || { echo "offset $1, mask $2: get $name does not say why"; cat said; wrong=$((wrong + 1)); }
    elif [ $status -ge 128 ]; then
      signals=$((signals + 1))
      found=2
    else
      echo "offset $1, mask $2: get $name ended with $status"
      wrong=$((wrong + 1))
    fi
  done
  status=0
  timeout 20 "$ufo" verify s.ufo >out 2>said || status=$?
  [ $status != 0 ] || [ $found != 1 ] || { echo "offset $1, mask $2: verify finds nothing"; wrong=$((wrong + 1)); }
  if [ $found = 1 ] || [ $status = 3 ]; then reported=$((reported + 1)); fi
  tried=$((tried + 1))
}

if [ $# = 2 ]; then
  one "$1" "$2"
  cat out said
  exit $wrong
fi
flips=80
nightly && flips=2000
while read -r offset mask; do one "$offset" "$mask"; done < <(perl -e '
  srand 11;
  for (1 .. $ARGV[0]) {
    my $at = int(rand $ARGV[1]);
    $at = int($at / 4096) * 4096 + int(rand 64) if $_ % 4 == 0; # page headers
    print $at, " ", 1 << int(rand 8), "\n";
  }' $flips "$size")
echo "$tried flips: $reported reported, $signals ended by a signal in LMDB, $wrong wrong"
[ $reported -gt $((flips / 8)) ]
[ $signals -le $((flips / 20)) ]
tally $tried "bits flipped under the command line"
exit $((wrong > 0))
