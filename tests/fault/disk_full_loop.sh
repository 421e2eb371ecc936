#!/bin/bash
# The same as disk_full.sh on real file systems in a file: ext4, and xfs and btrfs where there is a mkfs for them. Room is
# made by removing a file that filled them. Needs root and loop devices.
set -eu
. "$UFOSTORE_SOURCE/tests/common/crash.sh"
if [ "$(id -u)" -ne 0 ]; then echo "mounting needs root"; exit 77; fi
mkdir "$work/disk"
trap 'umount "$work/disk" 2>/dev/null || true; rm -rf "$work"' EXIT
tried=0
seed=1

one_system() { # kind, MiB of the image, MiB of filler for each run...
  local kind=$1 image=$2 filler last
  shift 2
  command -v "mkfs.$kind" >/dev/null || { echo "$kind: no mkfs here"; return; }
  rm -f "$work/image"
  truncate -s "${image}M" "$work/image"
  "mkfs.$kind" -q "$work/image" >/dev/null 2>&1 || { echo "$kind: mkfs failed"; return; }
  mount -o loop "$work/image" "$work/disk" 2>/dev/null || { echo "$kind: cannot be mounted here"; return; }
  for filler in "$@"; do
    rm -f "$work"/disk/*.ufo*
    head -c "${filler}M" /dev/zero >"$work/disk/filler"
    sync -f "$work/disk"
    last=$("$torture" full "$work/disk/s.ufo" $seed "rm $work/disk/filler")
    "$torture" verify "$work/disk/s.ufo" $seed "$last"
    echo "$kind, $filler of $image MiB taken: went on to generation $last"
    seed=$((seed + 1))
    tried=$((tried + 1))
  done
  umount "$work/disk"
}

one_system ext4 160 125
if nightly; then one_system ext4 160 130 122 118 110; fi
one_system xfs 400 330
one_system btrfs 400 330
[ $tried -gt 0 ] || exit 77
tally $tried "disks that were full"
