# Wrong usage is told from failure: exit status 2, one message, the usage line, and what was probably meant.
. "$(dirname "$0")/lib.bash"

expect 2; says "a command is missing"; says "usage: ufostore"
expect 2 improt; says "did you mean 'import'?"
expect 2 comp; says "did you mean 'compact'?"
expect 2 frobnicate; says "unknown command 'frobnicate'"
expect 2 --frobnicate; says "unknown option"
expect 2 $'l\ns'; says 'l\ns'

for command in create ls info stat put get import export rm mv snapshot verify compact; do
  expect 2 "$command"
  says "usage: ufostore $command"
  expect 2 "$command" --no-such-option x y z
  says "unknown option '--no-such-option'"
  expect 0 "$command" --help
  shows "usage: ufostore $command"
  expect 0 "$command" -h
  expect 0 help "$command"
  expect 2 "$command" 1 2 3 4 5
  says "unexpected argument"
  expect 2 "$command" "" "" ""
done

# bench needs no operand: without, it runs everything.
expect 2 bench --no-such-option; says "unknown option '--no-such-option'"
expect 0 bench --help; shows "usage: ufostore bench"; shows "--quick"
expect 0 help bench

expect 0 --help
shows "3 the file is not a store, or damaged"
expect 0 verify --help
shows "--preflight"

expect 0 --version
grep -Eq '^ufostore [0-9]+\.[0-9]+\.[0-9]+$' out || failed "no version"
expect 0 --help
for command in create ls info stat put get import export rm mv snapshot verify compact bench; do shows "  $command "; done

expect 2 put s.ufo x; says "--type is missing"; says "usage: ufostore put --type TYPE [--chunk SIZE] PATH NAME [FILE]"
expect 2 import; says "usage: ufostore import [--delim C] [--no-header] [--na STRING] PATH NAME FILE.csv"
expect 0 put --help; shows "usage: ufostore put --type TYPE [OPTIONS] PATH NAME [FILE]"
expect 2 put s.ufo x --type; says "needs TYPE"
expect 2 put s.ufo x --type duoble; says "did you mean 'double'?"
expect 2 put s.ufo x --type list; says "unknown type 'list'"
expect 2 put s.ufo x --type double --type raw; says "given twice"
for chunk in 0 4095 5000 100k 32M -1 64X 1e4 99999999999999999999K ""; do
  expect 2 put s.ufo x --type double --chunk "$chunk" </dev/null
done
for range in 5 3:1 -1:2 a:b 1.5:2 1:NaN : 1:2:3 99999999999999999999: ""; do
  [ "$range" = : ] && continue # everything; not wrong
  expect 2 get s.ufo x --range "$range"
  says "range"
done
expect 2 get s.ufo x --as xml; says "text, raw or csv"
expect 2 get s.ufo x --version 0
expect 2 get s.ufo x --version -1
expect 2 import s.ufo x f.csv --delim ab; says "delimiter"
expect 2 import s.ufo x f.csv --delim '"'
expect 2 import s.ufo x f.csv --delim ''
expect 2 ls --long=yes s.ufo; says "takes no value"
expect 2 ls --jsno s.ufo; says "did you mean '--json'?"
[ ! -e s.ufo ] || failed "wrong usage made a file"
