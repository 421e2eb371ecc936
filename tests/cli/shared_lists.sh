# Lists that are no trees (unit/test_shared_lists.c makes them): sixty, each of which holds the next one twice, and one
# that holds itself twice. Every command ends, with status 3 where it needs the list, and says what is wrong. And many
# names of one list, which only verify finds fault with.
. "$(dirname "$0")/lib.bash"

maker=$UFOSTORE_BUILD/tests/test_shared_lists
[ -x "$maker" ] || { echo "skipped: $maker was not built"; exit 77; }

# make TEST: the store of that unit test as made.ufo.
make() {
  rm -rf kept && mkdir kept
  UFO_TEST_KEEP=$PWD/kept TMPDIR=$PWD "$maker" --filter "shared_lists/$1" >log 2>&1 || { cat log; failed "$1"; }
  mv kept/*.ufo made.ufo || failed "no store was kept"
}

fresh() {
  rm -f s.ufo* out.csv
  cp made.ufo s.ufo
}

refuses() { # refuses ARGUMENTS...: status 3; store and object are named, nothing is written
  expect 3 "$@"
  says s.ufo
  says 'object '
  [ ! -e out.csv ] || failed "an output file was left"
}

for test in each_level_holds_the_next_twice a_list_holds_itself_twice; do
  make "$test"
  fresh
  for command in "ls s.ufo" "ls -l s.ufo" "ls --json s.ufo" "info s.ufo top" "info --json s.ufo top" "info s.ufo top[[1]]" \
    "get s.ufo top" "export s.ufo top out.csv" "export s.ufo top -" "mv s.ufo top other"; do
    refuses $command
  done
  expect 0 stat s.ufo
  expect 0 stat --json s.ufo
  refuses info --versions s.ufo top
  expect 0 info s.ufo v
  expect 0 get s.ufo v
  expect 3 verify s.ufo
  grep -q '^top' out || failed "verify does not name the list"
  expect 3 verify --preflight s.ufo
  expect 3 verify --json s.ufo
  expect 3 verify s.ufo --salvage saved.ufo
  expect 0 verify saved.ufo
  expect 0 get saved.ufo v
  rm -f saved.ufo*
  expect 0 snapshot create s.ufo then
  refuses info --snapshot then s.ufo top
  refuses ls -l --snapshot then s.ufo
  expect 0 snapshot ls s.ufo
  expect 0 snapshot rm s.ufo then
  expect 0 compact s.ufo small.ufo
  expect 0 compact s.ufo
  rm -f small.ufo*
  expect 0 mv s.ufo v w
  expect 0 rm s.ufo top
  expect 0 ls -l s.ufo
  fresh
  integers 1 2 3 >top
  expect 0 put s.ufo top --type integer top
  expect 0 ls -l s.ufo
done

# Twice as many names of one list of twice as many elements are twice the work, not four times.
works() { # works STATUS NAMES COMMAND...: sets lookups, and looks whether as many lines as there are names name one
  local wanted=$1 names=$2
  shift 2
  expect "$wanted" "$@" made.ufo
  case $1 in ls | verify) [ "$(grep -c '\bn[0-9]' out)" -ge "$((names - 1))" ] || failed "not every name is shown" ;; esac
  lookups=$(cat lookups)
}

preload counting.c
for command in "0 ls" "0 ls -l" "0 ls --json" "0 stat" "3 verify"; do
  make two_hundred_names_of_one_list
  works ${command%% *} 200 ${command#* }
  few=$lookups
  make four_hundred_names_of_one_list
  works ${command%% *} 400 ${command#* }
  [ "$few" -gt 0 ] || failed "nothing was counted"
  [ "$lookups" -le $((3 * few)) ] || failed "$few lookups with 200 names, $lookups with 400"
done
