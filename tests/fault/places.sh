#!/bin/bash
# What lies in the place of a store, or of its lock file, or around it: a folder, a pipe, a device, links of all kinds,
# media and folders that may not be written, other people's files. Each gives an error that names the path and the cause,
# within a moment, and nothing that was there is touched.
set -eu
. "$UFOSTORE_SOURCE/tests/common/crash.sh"
cd "$work"
tried=0
fail() {
  echo "FAILED: $*"
  cat said
  exit 1
}
# gives STATUS TEXT COMMAND...: ends with this status and says the text (a regular expression) on standard error
gives() {
  local wanted=$1 text=$2 status=0
  shift 2
  timeout 20 "$@" >out 2>said </dev/null || status=$?
  [ "$status" = "$wanted" ] || fail "exit status $status, not $wanted: $*"
  [ -z "$text" ] || grep -qE "$text" said || fail "nothing about '$text': $*"
  [ "$wanted" = 0 ] || grep -q '^ufostore: ' said || fail "no message: $*"
  tried=$((tried + 1))
}
ufo=$UFOSTORE_BIN
printf abcd >d
new() { # a fresh store at $1, with an object x
  rm -rf "$1" "$1-lock"
  "$ufo" create "$1"
  "$ufo" put "$1" x --type raw d
}

# ---- something else in its place ----
mkfifo fifo
mkdir dir
ln -s nowhere dangling
ln -s loop2 loop1
ln -s loop1 loop2
printf 'a text\n' >text
: >empty
perl -e 'use IO::Socket::UNIX; IO::Socket::UNIX->new(Local => "sock", Listen => 1)' 2>/dev/null || mkfifo sock
for path in fifo dir sock /dev/null /dev/zero text empty; do
  for command in ls verify stat "get PATH x" "put PATH x --type raw d" compact "rm PATH x"; do
    words=${command/PATH/$path}
    [ "$words" != "$command" ] || words="$command $path"
    # shellcheck disable=SC2086
    gives 3 "(^|[ /])$path.* is not a ufostore file" "$ufo" $words
  done
  gives 1 "cannot create store $path: it exists already" "$ufo" create $path
done
[ "$(cat text)" = "a text" ] && [ ! -s empty ] && [ -p fifo ] && [ -d dir ] || fail "something was changed"
for path in dangling loop1 text/x; do
  gives 1 "$path: " "$ufo" ls $path
  gives 1 "$path: " "$ufo" create $path
  gives 1 "$path: " "$ufo" put $path x --type raw d
done
[ ! -e nowhere ] || fail "made through a dangling link"
new real.ufo
ln -s real.ufo link.ufo # a link to a store is that store
gives 0 "" "$ufo" put link.ufo y --type raw d
gives 0 "" "$ufo" get real.ufo y
gives 1 "link.ufo: it exists already" "$ufo" create link.ufo

# ---- something else in the place of its lock file ----
new s.ufo
for kind in dangling victim fifo dir loop text hard store; do
  rm -rf s.ufo-lock
  printf 'precious' >victim
  case $kind in
  dangling) ln -s nowhere s.ufo-lock ;;
  victim) ln -s victim s.ufo-lock ;;
  fifo) mkfifo s.ufo-lock ;;
  dir) mkdir s.ufo-lock ;;
  loop) ln -s s.ufo-lock s.ufo-lock ;;
  text) cp victim s.ufo-lock ;;
  hard) ln victim s.ufo-lock ;;
  store) ln -s real.ufo s.ufo-lock ;;
  esac
  gives 1 "s.ufo-lock" "$ufo" put s.ufo y --type raw d
  gives 1 "s.ufo-lock" "$ufo" ls s.ufo
  [ "$(cat victim)" = precious ] || fail "$kind: what lay in the place of the lock file was overwritten"
  [ ! -e nowhere ] || fail "$kind: made through a dangling link"
done
rm -rf s.ufo-lock
gives 0 "" "$ufo" verify real.ufo
: >s.ufo-lock # of somebody who was killed before he used it
gives 0 "" "$ufo" put s.ufo y --type raw d
rm s.ufo-lock
head -c 8192 /dev/zero >s.ufo-lock
gives 0 "" "$ufo" put s.ufo y --type raw d

# ---- modes: 0600, whatever the umask ----
for mask in 000 022 027 077; do
  rm -f m.ufo m.ufo-lock
  (umask $mask; "$ufo" create m.ufo; "$ufo" put m.ufo x --type raw d) || fail "umask $mask"
  for file in m.ufo m.ufo-lock; do
    mode=$(stat -c %a $file)
    [ "$mode" = 600 ] || fail "umask $mask: $file has mode $mode"
  done
done

# ---- as an ordinary user, where this is run by root ----
user=()
if [ "$(id -u)" -eq 0 ]; then
  user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
  cp "$ufo" "$work/tool" && chmod 755 "$work" "$work/tool"
  chmod 644 d
  user+=("$work/tool")
else
  user=("$ufo")
fi
mkdir closed
new closed/s.ufo
rm -f closed/s.ufo-lock
chmod 444 closed/s.ufo
chmod 555 closed
gives 0 "" "${user[@]}" ls closed/s.ufo
gives 0 "" "${user[@]}" verify closed/s.ufo
gives 1 "closed/s.ufo for writing: Permission denied" "${user[@]}" put closed/s.ufo y --type raw d
gives 1 "closed/n.ufo: Permission denied" "${user[@]}" create closed/n.ufo
gives 1 "closed/n.ufo: Permission denied" "${user[@]}" compact closed/s.ufo closed/n.ufo
chmod 755 closed
if [ "$(id -u)" -eq 0 ]; then # a lock file of somebody else
  chmod 666 closed/s.ufo
  : >closed/s.ufo-lock
  chmod 600 closed/s.ufo-lock
  gives 0 "" "${user[@]}" ls closed/s.ufo
  gives 1 "closed/s.ufo-lock cannot be made or written.*Permission denied" "${user[@]}" put closed/s.ufo y --type raw d
  chmod 000 closed/s.ufo
  gives 1 "closed/s.ufo for reading: Permission denied" "${user[@]}" ls closed/s.ufo
fi

# ---- mounts ----
if [ "$(id -u)" -ne 0 ] || ! { mkdir mounted && mount -t tmpfs -o size=8m tmpfs mounted 2>/dev/null; }; then
  tally $tried "commands on paths that are not as they should be"
  echo "mounts were left out: they need root"
  exit 0
fi
trap 'umount -R "$work/mounted" "$work/over" 2>/dev/null || true; umount "$work/ro" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir ro
for lock in present absent; do
  new mounted/s.ufo
  [ $lock = present ] || rm mounted/s.ufo-lock
  mount --bind mounted ro
  mount -o remount,bind,ro ro
  gives 0 "" "$ufo" ls ro/s.ufo
  gives 0 "" "$ufo" get ro/s.ufo x
  gives 0 "" "$ufo" verify ro/s.ufo
  gives 1 "ro/s.ufo for writing: Read-only file system" "$ufo" put ro/s.ufo y --type raw d
  gives 1 "ro/s.ufo for writing: Read-only file system" "$ufo" compact ro/s.ufo
  gives 1 "ro/n.ufo: Read-only file system" "$ufo" create ro/n.ufo
  gives 1 "ro/n.ufo: Read-only file system" "$ufo" compact ro/s.ufo ro/n.ufo
  umount ro
done
# An overlay is local, and reads and writes go to different files below it.
mkdir mounted/low mounted/up mounted/work over
new mounted/low/s.ufo
if mount -t overlay overlay -o lowerdir=mounted/low,upperdir=mounted/up,workdir=mounted/work over 2>/dev/null; then
  gives 0 "" "$ufo" ls over/s.ufo
  gives 0 "" "$ufo" put over/s.ufo y --type raw d
  gives 0 "" "$ufo" compact over/s.ufo
  gives 0 "" "$ufo" verify over/s.ufo
  gives 0 "" "$ufo" get over/s.ufo y
  umount over
fi
umount mounted
# No inode for the lock file, then one.
mount -t tmpfs -o nr_inodes=2 tmpfs mounted
gives 1 "mounted/s.ufo-lock: No space left" "$ufo" create mounted/s.ufo
mount -o remount,nr_inodes=3 mounted
gives 0 "" "$ufo" put mounted/s.ufo y --type raw d
gives 0 "" "$ufo" verify mounted/s.ufo
tally $tried "commands on paths that are not as they should be"
