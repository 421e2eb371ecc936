# create, ls, info, stat, rm, mv, verify and compact on sound stores.
. "$(dirname "$0")/lib.bash"

expect 0 create s.ufo
expect 1 create s.ufo; says s.ufo
expect 0 ls s.ufo
[ ! -s out ] || failed "an empty store has objects"
expect 0 ls -l s.ufo
expect 0 ls --json s.ufo
valid_json
expect 0 verify s.ufo
shows sound

integers 1 2 3 4 >i
doubles 1 2 3 >d
expect 0 put s.ufo b --type integer i
expect 0 put s.ufo a --type double d
printf 'x,y,z\n1,a,TRUE\n2,b,NA\n3,NA,FALSE\n' >t.csv
expect 0 import s.ufo table t.csv
shows "table: 3 rows, 3 columns (1 logical, 1 integer, 1 text)"
expect 0 ls s.ufo
output_is a b table
expect 0 ls -l s.ufo
shows "data.frame"; shows "3 x 3"; shows "double"
[ "$(awk '{ print length($0) - length($NF) }' out | sort -u | wc -l)" = 1 ] || failed "the names are not aligned"
expect 0 info s.ufo a
shows "a: double, 3 elements"; shows version
expect 0 info s.ufo table
shows "data.frame"; shows "3 rows"; shows columns; shows character; shows '"x" "y" "z"'
expect 0 info s.ufo 'table$y'
shows character
expect 0 info s.ufo 'table[[1]]'
shows integer
expect 0 stat s.ufo
shows "3 objects"
for arguments in "ls --json s.ufo" "info --json s.ufo a" "info s.ufo table --json" "stat --json s.ufo"; do
  expect 0 $arguments
  valid_json
done
expect 0 info s.ufo table --json
shows '"rows": 3'; shows '"columns": 3'; shows '"kind": "data.frame"'; shows '"class": ['; shows '"type": "character"'
expect 0 stat --json s.ufo
shows '"objects": 3'

# What is put over an object is another one, not its next version.
expect 0 put s.ufo again --type integer i
expect 0 put s.ufo again --type double d
expect 0 info s.ufo again --json
shows '"version": 1,'
expect 0 rm s.ufo again
for command in put import; do
  expect 0 $command --help
  shows "versions begin at 1 again"
done

expect 1 mv s.ufo a b; says b
expect 0 get s.ufo b
output_is 1 2 3 4
expect 1 mv s.ufo none c; says none
expect 0 mv s.ufo a c
expect 0 get s.ufo c
output_is 1 2 3
expect 0 mv s.ufo table frame
expect 0 get s.ufo 'frame$x'
output_is 1 2 3
expect 1 get s.ufo a; says a; says s.ufo
expect 1 rm s.ufo a; says a
expect 0 rm s.ufo c
expect 0 rm s.ufo frame
expect 0 ls s.ufo
output_is b
expect 1 get s.ufo 'frame$x'

# Compacting gives back the room of what was removed.
perl -e 'srand 2; print pack("d<*", map { rand } 1 .. 200000)' >big
expect 0 put s.ufo big --type double big
expect 0 rm s.ufo big
expect 0 compact s.ufo copy.ufo
shows before; shows after
expect 1 compact s.ufo copy.ufo; says copy.ufo
expect 0 get copy.ufo b
output_is 1 2 3 4
expect 0 verify copy.ufo
[ "$(stat -c %s copy.ufo)" -lt "$(stat -c %s s.ufo)" ] || failed "the copy is not smaller"

# The copy needs no right to write the store, and changes nothing in it.
cp s.ufo before
expect 0 compact s.ufo again.ufo
cmp s.ufo before >&2 || failed "the store was changed by copying it"
chmod 444 s.ufo
mkdir others
chmod 777 others
chmod 711 .
last="compact s.ufo others/copy.ufo, as a user who may not write s.ufo"
# Root may write everything, so it becomes somebody else; if that one cannot run the tool, there is nothing to see.
perl -e 'if (!$>) { $) = "65534 65534"; $( = 65534; ($<, $>) = (65534, 65534) } -x $ARGV[0] or exit 77; exec @ARGV' \
  "$UFOSTORE_BIN" compact s.ufo others/copy.ufo >out 2>err
status=$?
if [ "$status" != 77 ]; then
  [ "$status" = 0 ] || failed "exit status $status"
  expect 0 get others/copy.ufo b
  output_is 1 2 3 4
fi
chmod 700 .
chmod 644 s.ufo

# What a killed process left is not copied, or taken out again, and stays in the store until somebody writes it.
cp s.ufo killed.ufo
mkfifo pipe
perl -e 'srand 3; print pack("d<*", map { rand } 1 .. 200000)' >noise
"$UFOSTORE_BIN" put killed.ufo big --type double <pipe &
tool=$!
exec 3>pipe
for copies in 1 2 3 4; do cat noise >&3; done
sleep 0.3
kill -s KILL "$tool"
wait "$tool" 2>/dev/null
exec 3>&-
expect 0 stat killed.ufo --json
left=$(sed -n 's/.*"staged_blobs": \([0-9]*\).*/\1/p' out)
[ "$left" -gt 0 ] || failed "nothing was left by the killed process"
cp killed.ufo before
expect 0 compact killed.ufo clean.ufo
cmp killed.ufo before >&2 || failed "the store was changed by copying it"
expect 0 stat clean.ufo --json
shows '"staged_blobs": 0'
expect 0 verify clean.ufo
[ "$(stat -c %s clean.ufo)" -lt 500000 ] || failed "the copy is not small"
expect 0 get clean.ufo b
output_is 1 2 3 4

expect 0 compact s.ufo
[ "$(stat -c %s s.ufo)" -lt 500000 ] || failed "the store did not shrink"
expect 0 get s.ufo b
output_is 1 2 3 4
expect 0 verify s.ufo
