# Files that are no store, or no longer one: a clear message, status 1 or 3, never a crash, and nothing is changed.
. "$(dirname "$0")/lib.bash"

refuses() { # refuses STATUSES FILE: every reading command ends with one of STATUSES and names the file
  local command
  for command in "ls $2" "ls -l $2" "ls --json $2" "info $2 x" "stat $2" "get $2 x" "export $2 x out.csv" "verify $2" "rm $2 x" \
    "mv $2 x y" "compact $2 out.ufo"; do
    ufo $command
    case "$1" in *"$status"*) ;; *) failed "status $status, expected one of $1" ;; esac
    [ -s err ] || failed "no message"
    says "${2##*/}"
    [ ! -e out.csv ] && [ ! -e out.ufo ] || failed "an output file was left"
  done
}

refuses 1 missing.ufo
[ ! -e missing.ufo ] || failed "a reading command made a store"
refuses 1 no/such/folder/s.ufo
mkdir folder.ufo
refuses 3 folder.ufo

for content in '' 'hello' "$(printf 'x%.0s' $(seq 5000))"; do
  printf '%s' "$content" >foreign.ufo
  cp foreign.ufo before
  refuses 3 foreign.ufo
  same foreign.ufo before
done
head -c 100000 /dev/urandom >foreign.ufo
refuses 3 foreign.ufo

# A store cut short, at several places.
perl -e 'srand 3; print pack("d<*", map { rand } 1 .. 100000)' >d
integers 5 6 7 >i
expect 0 put s.ufo d --type double d
expect 0 put s.ufo i --type integer i
size=$(stat -c %s s.ufo)
for keep in 10 4096 8192 20000 $((size / 2)); do
  head -c "$keep" s.ufo >cut.ufo
  rm -f cut.ufo-lock
  ufo verify cut.ufo
  case $status in 1 | 3) ;; *) failed "verify of $keep of $size bytes ended with $status" ;; esac
  ufo get cut.ufo d
  case $status in 1 | 3) ;; *) failed "get from $keep of $size bytes ended with $status" ;; esac
  [ -s err ] || failed "no message"
done

# Bytes overwritten in the middle of the data: verify names the object and its elements, get refuses them by status 3,
# and what is not hurt can be read.
cp s.ufo hurt.ufo
at=$((size / 2))
head -c 64 /dev/urandom | dd of=hurt.ufo bs=1 seek="$at" conv=notrunc status=none
expect 3 verify hurt.ufo
grep -Eq '^d  version 1  elements [0-9]+:[0-9]+  ' out || failed "no line for the damage"
shows "hurt.ufo: 1 damage"
range=$(sed -n 's/^d .*elements \([0-9:]*\) .*/\1/p' out | head -1)
expect 3 get hurt.ufo d --as raw; says d; says hurt.ufo
expect 3 get hurt.ufo d --range "$range"
expect 3 export hurt.ufo d out.csv
[ ! -e out.csv ] || failed "a damaged vector was exported"
expect 0 get hurt.ufo i
output_is 5 6 7
if [ "${range%:*}" -gt 0 ]; then
  expect 0 get hurt.ufo d --as raw --range ":${range%:*}"
  same out <(head -c $((${range%:*} * 8)) d)
fi

# What is sound of it comes into a new store; what is lost is an error there, and whole again once it is written.
cp hurt.ufo before
expect 3 verify hurt.ufo --salvage saved.ufo
grep -Eq '^d  version 1  elements [0-9]+:[0-9]+  ' out || failed "no line for the loss"
shows "saved.ufo: 1 loss or doubt"
same hurt.ufo before
expect 0 get saved.ufo i
output_is 5 6 7
expect 3 get saved.ufo d --range "$range"; says "lost before the store was salvaged"
expect 0 info saved.ufo d; shows "1 lost"
expect 0 info saved.ufo d --json; shows '"chunks_lost": 1,'
expect 3 verify saved.ufo
expect 0 put saved.ufo d d --type double
expect 0 verify saved.ufo
expect 1 verify hurt.ufo --salvage saved.ufo; says "exists already"
expect 0 verify s.ufo --salvage whole.ufo; shows "whole.ufo: all of it was sound"
expect 0 verify whole.ufo
same <("$UFOSTORE_BIN" get whole.ufo d --as raw) d
cp hurt.ufo damaged.ufo
# One that cannot be opened: the headers are gone.
head -c 8192 /dev/zero | dd of=hurt.ufo conv=notrunc status=none
expect 3 verify hurt.ufo
expect 3 verify hurt.ufo --salvage again.ufo; shows "both header pages are damaged"
head -c 5000 /dev/urandom >noise.ufo
expect 3 verify noise.ufo --salvage empty.ufo
expect 1 verify missing.ufo --salvage none.ufo; says missing.ufo
[ ! -e none.ufo ] || failed "a store was made of nothing"

# A store that may not be read. (For root there is no such thing.)
if [ "$(id -u)" != 0 ]; then
  chmod 000 s.ufo
  refuses 1 s.ufo
  chmod 600 s.ufo
fi

# A look at every page first: what is sound passes, damage of the data is still the verification's, and a file made to
# harm is refused with the page and the cause.
expect 0 verify --preflight s.ufo; shows "s.ufo: sound"
expect 3 verify damaged.ufo --preflight; shows "damaged.ufo: 1 damage"
expect 1 verify missing.ufo --preflight; says missing.ufo
expect 3 verify folder.ufo --preflight; says folder.ufo
expect 3 verify foreign.ufo --preflight; says foreign.ufo
perl -0777 -ne 'for ($at = 8192; $at < length; $at += 4096) {
  substr($_, $at + 10, 2) = "\x12\0" if substr($_, $at, 8) eq pack("Q<", $at / 4096) && substr($_, $at + 10, 2) eq "\2\0" }
  print' s.ufo >hostile.ufo # pages that claim to be dirty: CVE-2019-16225
cp hostile.ufo before
expect 3 verify --preflight hostile.ufo
grep -Eq 'hostile\.ufo.* page [0-9]+: .*flags' err || failed "neither page nor cause: $(cat err)"
[ ! -s out ] || failed "output for a file that was refused"
same hostile.ufo before
[ ! -e hostile.ufo-lock ] || failed "LMDB saw a file that was refused"
