# Standard output that breaks or is full is a failure, not silence; export leaves no half file.
. "$(dirname "$0")/lib.bash"

perl -e 'print pack("l<*", 1 .. 300000)' >i
expect 0 put s.ufo i --type integer i
(echo a,b; for i in $(seq 300); do echo "$i,text $i"; done) >t.csv
expect 0 import s.ufo t t.csv

for arguments in "get s.ufo i" "get s.ufo i --as raw" "get s.ufo i --as csv" "export s.ufo i -"; do
  last="ufostore $arguments | head"
  { timeout 60 "$UFOSTORE_BIN" $arguments 2>err; echo $? >code; } | head -c 10 >out
  status=$(cat code)
  [ "$status" = 1 ] || failed "a broken pipe ended with $status"
  says "cannot write to standard output: Broken pipe"
done

[ -w /dev/full ] || exit 77
for arguments in "get s.ufo i" "get s.ufo i --as raw" "get s.ufo t" "export s.ufo t -" "ls s.ufo" "ls -l s.ufo" \
  "ls --json s.ufo" "info s.ufo t" "info --json s.ufo i" "stat s.ufo" "verify s.ufo" "--help" "--version" "get --help"; do
  last="ufostore $arguments >/dev/full"
  timeout 60 "$UFOSTORE_BIN" $arguments >/dev/full 2>err
  status=$?
  : >out
  [ "$status" = 1 ] || failed "a full disk ended with $status"
  says "cannot write to standard output: No space left on device"
done
expect 1 export s.ufo i /dev/full; says /dev/full

# Export replaces a file whole, keeps its rights, and a failed one leaves it alone.
echo old >x.csv
chmod 640 x.csv
expect 1 export s.ufo nothing x.csv
same x.csv <(echo old)
expect 0 export s.ufo t x.csv
same x.csv t.csv
[ "$(stat -c %a x.csv)" = 640 ] || failed "the file's rights changed"
(umask 027 && "$UFOSTORE_BIN" export s.ufo t y.csv)
[ "$(stat -c %a y.csv)" = 640 ] || failed "the umask was not heeded"
[ -z "$(find . -name '*.csv.*')" ] || failed "temporary files are left"

# A symbolic link stays one, and what it leads to is replaced.
mkdir target
echo old >target/z.csv
ln -s target/z.csv link
ln -s ../link target/chain
for link in link target/chain; do
  echo old >target/z.csv
  expect 0 export s.ufo t $link
  [ -L $link ] || failed "the link was replaced"
  same target/z.csv t.csv
done
ln -s nothing broken
expect 1 export s.ufo t broken; says "symbolic link to nothing"
[ -L broken ] && [ ! -e nothing ] || failed "the broken link was replaced"

# The store is neither its own input nor the target of an export.
cp s.ufo before
expect 1 export s.ufo t ./s.ufo; says "the store itself"
ln -s s.ufo store-link
expect 1 export s.ufo t store-link; says "the store itself"
[ -e s.ufo-lock ] || failed "no lock file"
for lock in s.ufo-lock ./s.ufo-lock "$PWD/s.ufo-lock"; do
  expect 1 export s.ufo t "$lock"; says "lock file"
  expect 1 export store-link t "$lock"; says "lock file"
done
[ "$(head -c 3 s.ufo-lock)" != a,b ] || failed "the lock file was replaced"
expect 1 put s.ufo self --type raw s.ufo; says "the store itself"
same s.ufo before

# No room for the data: the message says so, and what was there is still there. (A limit on file sizes stands for a full
# disk; the same call fails, with another number.)
perl -e 'srand 5; print pack("d<*", map { rand } 1 .. 1000000)' >big
last="put under a limit on file sizes"
(ulimit -f 2000 && timeout 60 "$UFOSTORE_BIN" put s.ufo big --type double big) >out 2>err
status=$?
[ "$status" = 1 ] || failed "a full disk ended with $status"
says big
expect 1 get s.ufo big
expect 0 verify s.ufo
expect 0 export s.ufo t -
same out t.csv
last="export under a limit on file sizes"
expect 0 put s.ufo big --type double big
(ulimit -f 2000 && timeout 60 "$UFOSTORE_BIN" export s.ufo big big.csv) >out 2>err
status=$?
[ "$status" = 1 ] || failed "a full disk ended with $status"
says "cannot write"
[ ! -e big.csv ] || failed "a half file was left"
[ -z "$(find . -name '*.csv.*')" ] || failed "temporary files are left"
