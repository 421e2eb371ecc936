# An import, a put or an export that is interrupted stores nothing, leaves no files, and says so.
. "$(dirname "$0")/lib.bash"

integers 1 2 3 >i
expect 0 put s.ufo i --type integer i
expect 0 put s.ufo t --type integer i

# Sends SIGNAL to the tool once it has read from a pipe that never ends.
interrupted() { # interrupted SIGNAL STATUS INPUT ARGUMENTS...
  local signal=$1 wanted=$2 input=$3
  shift 3
  last="ufostore $*, then $signal"
  mkfifo pipe
  "$UFOSTORE_BIN" "$@" <pipe >out 2>err &
  local tool=$!
  exec 3>pipe
  cat "$input" >&3
  sleep 0.3
  kill -s "$signal" "$tool"
  wait "$tool"
  status=$?
  exec 3>&-
  rm pipe
  [ "$status" = "$wanted" ] || failed "exit status $status, expected $wanted"
  says "nothing was stored"
}
# Without job control a shell starts background commands with SIGINT ignored; the tool keeps that, so turn it on.
set -m
printf 'a,b\n1,2\n3,' >part.csv
head -c 300000 /dev/zero >zeros
interrupted INT 130 part.csv import s.ufo t -
interrupted TERM 143 part.csv import s.ufo new -
interrupted INT 130 zeros put s.ufo t --type integer
interrupted HUP 129 zeros put s.ufo new --type raw
expect 0 get s.ufo t
output_is 1 2 3
expect 0 ls s.ufo
output_is i t
expect 0 verify s.ufo

# In the middle of the two passes over a file. The machine may be fast enough to be done: then that is the outcome.
perl -e 'print "a,b,c\n"; print "$_,text $_,", $_ / 8, "\n" for 1 .. 2000000' >large.csv
for pause in 0.2 0.9; do
  last="ufostore import, then SIGINT after $pause s"
  "$UFOSTORE_BIN" import s.ufo large large.csv >out 2>err &
  tool=$!
  sleep "$pause"
  kill -s INT "$tool" 2>/dev/null
  wait "$tool"
  status=$?
  if [ "$status" = 0 ]; then
    expect 0 rm s.ufo large
    continue
  fi
  [ "$status" = 130 ] || failed "exit status $status"
  says "nothing was stored"
  expect 1 get s.ufo large
done
expect 0 ls s.ufo
output_is i t

perl -e 'print pack("d<*", map { $_ / 7 } 1 .. 3000000)' | "$UFOSTORE_BIN" put s.ufo d --type double || failed put
last="ufostore export, then SIGINT"
"$UFOSTORE_BIN" export s.ufo d d.csv >out 2>err &
tool=$!
sleep 0.3
kill -s INT "$tool" 2>/dev/null
wait "$tool"
status=$?
if [ "$status" != 0 ]; then
  [ "$status" = 130 ] || failed "exit status $status"
  [ ! -e d.csv ] || failed "a half file was left"
fi
[ -z "$(find . -name 'd.csv.*')" ] || failed "a temporary file was left"
expect 0 verify s.ufo

# In the middle of a call of the library, which is not waited for: signalling.c raises the signal there.
head -c 1000000 /dev/urandom | "$UFOSTORE_BIN" put s.ufo noise --type raw || failed put # what compresses is read otherwise
echo before >d.csv
preload signalling.c
ufo export s.ufo noise d.csv
preloaded=
[ "$status" = 143 ] || failed "exit status $status, expected 143"
[ "$(cat err)" = "ufostore: interrupted: nothing was written" ] || failed "another message was expected"
[ ! -e went-on ] || failed "the library's call went on after the signal"
[ -z "$(find . -name 'd.csv.*')" ] || failed "a temporary file was left"
[ "$(cat d.csv)" = before ] || failed "the file was changed"
# Signals that the parent had blocked stay so.
preload signalling.c
last="ufostore export, with SIGTERM blocked"
perl -MPOSIX -e 'sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM)); $ENV{LD_PRELOAD} = shift; exec @ARGV' \
  "$preloaded" "$UFOSTORE_BIN" export s.ufo noise d.csv >out 2>err
status=$?
preloaded=
[ "$status" = 0 ] || failed "exit status $status, expected 0"
[ -e went-on ] || failed "no signal came"
[ "$(wc -l <d.csv)" = 1000001 ] || failed "the file is not whole"
expect 0 verify s.ufo
expect 0 export s.ufo noise d.csv
[ "$(wc -l <d.csv)" = 1000001 ] || failed "the file is not whole"
