# Strings: lines of text and text columns go in and come out again.
. "$(dirname "$0")/lib.bash"

# What `get` prints, `put` takes.
printf 'plain\nGrüße\nNA\n\na\\nb\\\\c\\x01d\nlonger than a word of eight bytes\nlast' >lines
expect 0 put s.ufo t --type character lines
expect 0 get s.ufo t
printf '\n' | cat lines - >want
cmp out want || failed "get prints other lines than were put"
expect 0 get s.ufo t --as csv
printf 't\nplain\nGrüße\nNA\n""\n"a\nb\\c\001d"\nlonger than a word of eight bytes\nlast\n' >want
cmp out want || failed "other CSV"
expect 0 get s.ufo t --range 1:3
printf 'Grüße\nNA\n' >want
cmp out want || failed "another range"
expect 0 ls -l s.ufo
grep -Eq '^character +7 .* t$' out || failed "ls: $(cat out)"
expect 0 info s.ufo t --json
grep -q '"type": *"character"' out && grep -q '"length": *7' out || failed "info: $(cat out)"
expect 1 get s.ufo t --as raw
grep -q strings err || failed "$(cat err)"
expect 0 verify s.ufo

# Lines that are no strings.
printf 'a\n\\q\n' >bad
expect 1 put s.ufo u --type character bad
grep -q 'line 2' err || failed "$(cat err)"
printf '\377\n' >bad
expect 1 put s.ufo u --type character bad
printf 'a\\x00b\n' >bad
expect 1 put s.ufo u --type character bad
expect 0 put s.ufo none --type character /dev/null
expect 0 get s.ufo none
[ ! -s out ] || failed "something in nothing"

# Text columns, more than are read at once.
awk 'BEGIN { print "x,y"; for (i = 0; i < 150000; i++) print i ",category number " i % 77 }' >t.csv
expect 0 import s.ufo big t.csv
expect 0 export s.ufo big back.csv
cmp back.csv t.csv || failed "export is not what was imported"
expect 0 get s.ufo 'big$y' --range 149998:
printf 'category number 2\ncategory number 3\n' >want
cmp out want || failed "$(cat out)"

# A version that a snapshot keeps.
expect 0 snapshot create s.ufo before
printf 'new\n' >lines
expect 0 put s.ufo t --type character lines
expect 0 get s.ufo t --snapshot before --range 0:1
[ "$(cat out)" = plain ] || failed "$(cat out)"
exit 0
