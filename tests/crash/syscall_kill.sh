#!/bin/bash
# SIGKILL at each system call that writes, syncs or names a file: creation, three commits (one of which stages), and the
# end. Some points; every one nightly.
set -eu
. "$UFOSTORE_SOURCE/tests/common/crash.sh"
need_strace
calls=pwrite64,pwritev,writev,write,fdatasync,fsync,ftruncate,link,linkat,rename,renameat2,unlink
total=$(count_calls $calls "$torture" run "$work/count.ufo" 1 3)
tried=0
for n in $(some_points "$total" 60); do
  rm -f "$work"/s.ufo*
  status=0
  (timeout 60 strace -f -qq -o /dev/null -e trace=$calls -e inject=$calls:signal=SIGKILL:when="$n" \
    "$torture" run "$work/s.ufo" "$n" 3 >"$work/ack"; exit $?) 2>"$work/err" || status=$?
  acked=$(tail -n 1 "$work/ack")
  "$torture" verify "$work/s.ufo" "$n" "${acked:-0}" || { echo "killed at call $n (status $status): not as promised"; exit 1; }
  tried=$((tried + 1))
done
tally $tried "runs killed at a system call"
