# A put or an import that fails leaves no store behind that it made, and takes none away that is not its own alone.
. "$(dirname "$0")/lib.bash"
set -m # else a shell starts background commands with SIGINT ignored

integers 1 2 3 >i
printf 'a,b\n1,x\n' >t.csv
head -c 300000 /dev/zero >zeros
(echo a,b; for row in $(seq 20000); do echo "$row,text $row"; done) >long.csv

gone() {
  [ -z "$(find . -name 'new.ufo*' -o -name '.ufostore*')" ] || failed "files are left: $(find . -name '*ufo*' | tr '\n' ' ')"
}

for how in "put new.ufo $(printf '\377') --type integer i" "import new.ufo $(printf '\377') t.csv" \
  "put new.ufo x --type integer missing" "put new.ufo x --type double i"; do
  expect 1 $how
  gone
done
last="put of half an element from a pipe"
printf 12345 | "$UFOSTORE_BIN" put new.ufo x --type integer >out 2>err
status=$?
[ "$status" = 1 ] || failed "exit status $status"
gone
for how in "put new.ufo x --type raw zeros" "import new.ufo x long.csv"; do
  last="$how, under a limit on file sizes"
  head -c 300000 /dev/urandom >zeros
  (ulimit -f 100 && timeout 60 "$UFOSTORE_BIN" $how) >out 2>err
  status=$?
  [ "$status" = 1 ] || failed "exit status $status"
  gone
done

# start ARGUMENTS...: puts from a pipe that stays open as descriptor 3, until the store is there.
start() {
  last="ufostore $* (from a pipe)"
  [ -p pipe ] || mkfifo pipe
  "$UFOSTORE_BIN" "$@" <pipe >out 2>err &
  tool=$!
  exec 3>pipe
  cat zeros >&3
  for wait in $(seq 100); do
    [ ! -s new.ufo ] || break
    sleep 0.05
  done
  [ -s new.ufo ] || failed "no store was made"
  sleep 0.2
}
stop() { # stop SIGNAL STATUS
  kill -s "$1" "$tool"
  wait "$tool"
  status=$?
  exec 3>&-
  [ "$status" = "$2" ] || failed "exit status $status, expected $2"
}

start put new.ufo x --type raw
stop INT 130
says "nothing was stored"
gone
start put new.ufo x --type raw
stop TERM 143
gone

# Somebody else stored something meanwhile.
start put new.ufo x --type raw
"$UFOSTORE_BIN" put new.ufo other --type integer i || failed "the other put"
stop INT 130
expect 0 ls new.ufo
output_is other
expect 0 rm new.ufo other
rm -f new.ufo*

# Somebody else has it open, and stores something afterwards.
start put new.ufo x --type raw
mkfifo second
"$UFOSTORE_BIN" put new.ufo other --type raw <second 2>other.err &
other=$!
exec 4>second
cat i >&4
sleep 0.3
stop INT 130
exec 4>&-
wait "$other" || { cat other.err >&2; failed "the other put"; }
expect 0 get new.ufo other --as raw
same out i
expect 0 verify new.ufo
rm -f new.ufo*

# An empty store that was there stays.
expect 0 create new.ufo
expect 1 put new.ufo $'\377' --type integer i
start put new.ufo x --type raw
stop INT 130
expect 0 ls new.ufo
expect 0 verify new.ufo
