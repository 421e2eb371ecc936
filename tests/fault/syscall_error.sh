#!/bin/bash
# Errors from each system call that writes, syncs or names a file. Once: the same process tries again and gets through.
# For ever: the step fails with a message, nothing is lost.
set -eu
. "$UFOSTORE_SOURCE/tests/common/crash.sh"
need_strace
calls=pwrite64,pwritev,writev,fdatasync,fsync,ftruncate,link,linkat
total=$(count_calls $calls "$torture" run "$work/count.ufo" 1 3)
tried=0

judge() { # n, what: the run's exit status must be one of the rest
  local n=$1 what=$2 status=$3 acked
  shift 3
  acked=$(tail -n 1 "$work/ack")
  case " $* " in
  *" $status "*) ;;
  *) echo "$what at call $n: exit status $status"; cat "$work/err"; exit 1 ;;
  esac
  "$torture" verify "$work/s.ufo" "$n" "${acked:-0}" || { echo "$what at call $n: not as promised"; cat "$work/err"; exit 1; }
  tried=$((tried + 1))
}

attempt() { # n, when, error, options
  local n=$1 when=$2 error=$3
  shift 3
  rm -f "$work"/s.ufo*
  local status=0
  timeout 60 strace -f -qq -o /dev/null -e trace=$calls -e inject=$calls:error="$error":when="$when" \
    "$torture" run "$work/s.ufo" "$n" 3 "$@" >"$work/ack" 2>"$work/err" || status=$?
  return $status
}

for n in $(some_points "$total" 36); do
  for error in EIO ENOSPC; do
    status=0; attempt "$n" "$n" $error --retry || status=$?
    judge "$n" "$error once" $status 0
  done
  status=0; attempt "$n" "$n+" ENOSPC || status=$?
  judge "$n" "ENOSPC for ever" $status 0 3
done
tally $tried "runs with an error from a system call"
