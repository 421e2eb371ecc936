#!/bin/bash
# The same without privilege: a limit on the size of files, met in the middle of a commit or of staging.
set -eu
. "$UFOSTORE_SOURCE/tests/common/crash.sh"
for kib in 100 2000 9000 14000; do
  rm -f "$work"/s.ufo*
  status=0
  (trap '' XFSZ; ulimit -f $kib; exec "$torture" run "$work/s.ufo" 5 30) >"$work/ack" 2>"$work/err" || status=$?
  [ $status -eq 3 ] || { echo "limit of $kib KiB: exit status $status"; cat "$work/err"; exit 1; }
  acked=$(tail -n 1 "$work/ack")
  "$torture" verify "$work/s.ufo" 5 "${acked:-0}"
  "$torture" run "$work/s.ufo" 5 20 >"$work/ack" # and on, without the limit
  "$torture" verify "$work/s.ufo" 5 20
  echo "limit of $kib KiB: failed after generation ${acked:-0}, went on to 20"
done
