#!/bin/bash
# A disk that fills up: the commit fails, everything before it and all memory stays right, and the same process goes on
# once there is room. On a small tmpfs, which needs root.
set -eu
. "$UFOSTORE_SOURCE/tests/common/crash.sh"
if [ "$(id -u)" -ne 0 ]; then echo "mounting needs root"; exit 77; fi
mkdir "$work/disk"
mount -t tmpfs -o size=1m tmpfs "$work/disk" 2>/dev/null || { echo "cannot mount here"; exit 77; }
trap 'umount "$work/disk"; rm -rf "$work"' EXIT
for size in 6 11 16 21; do # the first large generation fails in staging, in its commit; then later ones
  rm -f "$work"/disk/*
  mount -o remount,size=${size}m "$work/disk"
  last=$("$torture" full "$work/disk/s.ufo" $size "mount -o remount,size=120m $work/disk")
  "$torture" verify "$work/disk/s.ufo" $size "$last"
  echo "$size MiB: went on to generation $last"
done
# No room even to create a store: an error, and no half of one.
rm -f "$work"/disk/*
mount -o remount,size=8k "$work/disk"
status=0
"$torture" run "$work/disk/s.ufo" 1 1 || status=$?
[ $status -eq 3 ] || { echo "creation on a full disk: exit status $status"; exit 1; }
[ ! -e "$work/disk/s.ufo" ] || { echo "half a store was left"; ls -l "$work/disk"; exit 1; }
