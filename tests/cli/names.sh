# Names with blanks, control bytes, '$', leading dashes, and past the limits; what is printed cannot fool a terminal.
. "$(dirname "$0")/lib.bash"

integers 1 2 3 >i
evil=$'a\033[31mred\n\tb\\c\x7f\u009b'
for name in "two words" '$x' 'a$b' 'x[[1]]' "grüße" "$evil" "-n" "--json" "..": '*' "'" '"'; do
  expect 0 put --type integer -- s.ufo "$name" i
  expect 0 get -- s.ufo "$name"
  output_is 1 2 3
  expect 0 info -- s.ufo "$name"
  expect 0 info --json -- s.ufo "$name"
  valid_json
  expect 0 mv -- s.ufo "$name" -moved-
  expect 0 mv -- s.ufo -moved- "$name"
done
for arguments in "ls" "ls -l" "ls --json"; do
  expect 0 $arguments s.ufo
  ! LC_ALL=C grep -q $'[\001-\010\013-\037\177]' out || failed "control bytes in the output"
  ! grep -q $'\u009b' out || failed "a C1 control in the output"
done
valid_json
expect 0 ls s.ufo
shows 'a\x1b[31mred\n\tb\\c\x7f\xc2\x9b'
[ "$(wc -l <out)" = 12 ] || failed "not one name a line"
expect 1 get s.ufo $'no\033such\nname'
says 'no\x1bsuch\nname'
expect 1 ls $'no\nsuch\033file'
says 'no\nsuch\x1bfile'

# '--' ends options; '-' alone is an operand.
expect 0 rm s.ufo -- -n
expect 0 rm -- s.ufo --json
expect 1 rm -- s.ufo --json
expect 2 rm s.ufo --json
expect 2 rm -- s.ufo; says "too few arguments"
expect 0 put s.ufo --type=integer -- dash - <i
expect 0 put s.ufo -tinteger dash2 <i

# An object whose whole name has a '$' goes before the column of a table.
printf 'b,c\n10,20\n' >t.csv
expect 0 import s.ufo a t.csv
expect 0 get s.ufo 'a$b'
output_is 1 2 3
expect 0 get s.ufo 'a$c'
output_is 20
expect 0 get s.ufo 'a[[1]]'
output_is 10
expect 1 get s.ufo 'a$d'; says 'a$d'
expect 1 get s.ufo 'a[[3]]'
expect 1 get s.ufo 'a[[0]]'
expect 0 get s.ufo a
output_is b,c 10,20
expect 0 get s.ufo a --as csv --range 0:0
output_is b,c

# Limits of the name.
long=$(printf 'n%.0s' $(seq 480))
expect 0 put s.ufo "$long" --type integer i
expect 0 get s.ufo "$long"
expect 1 put s.ufo "${long}n" --type integer i
expect 1 put s.ufo $'\xff\xfe' --type integer i
