# Standard descriptors that the caller closed: the store gets none of their numbers, so no message lands in it.
. "$(dirname "$0")/lib.bash"

integers 1 2 3 >i
printf 'a,b\n1,x\n' >t.csv
printf 'a,b\n1\n' >ragged.csv
expect 0 put s.ufo x --type integer i
expect 0 put s.ufo y --type integer i
cp s.ufo before

# runs REDIRECTIONS ARGUMENTS...: the tool with these descriptors closed.
runs() {
  local how=$1
  shift
  last="ufostore $* $how"
  : >out
  : >err
  case $how in
    '2>&-') timeout 60 "$UFOSTORE_BIN" "$@" >out 2>&- ;;
    '>&- 2>&-') timeout 60 "$UFOSTORE_BIN" "$@" >&- 2>&- ;;
    '<&- 2>&-') timeout 60 "$UFOSTORE_BIN" "$@" <&- >out 2>&- ;;
    '<&- >&- 2>&-') timeout 60 "$UFOSTORE_BIN" "$@" <&- >&- 2>&- ;;
  esac
  status=$?
}

refused() { # refused REDIRECTIONS ARGUMENTS...: fails, and the store is byte for byte what it was
  runs "$@"
  [ "$status" = 1 ] || failed "exit status $status, expected 1"
  same s.ufo before
  ! grep -aq 'ufostore: ' s.ufo-lock || failed "a message lies in the lock file"
  expect 0 verify s.ufo
}

for how in '2>&-' '>&- 2>&-' '<&- 2>&-' '<&- >&- 2>&-'; do
  refused "$how" rm s.ufo nope
  refused "$how" mv s.ufo nope other
  refused "$how" mv s.ufo x y
  refused "$how" get s.ufo nope
  refused "$how" export s.ufo nope out.csv
  refused "$how" put s.ufo $'\xff' --type integer i
  refused "$how" put s.ufo z --type integer missing
  refused "$how" import s.ufo t ragged.csv
  refused "$how" import s.ufo $'\xff' t.csv
done
for how in '<&- 2>&-' '<&- >&- 2>&-'; do
  refused "$how" put s.ufo z --type integer
  refused "$how" import s.ufo z -
done
# What cannot be written is a failure, and not written anywhere else.
for how in '>&- 2>&-' '<&- >&- 2>&-'; do
  refused "$how" get s.ufo x
  refused "$how" get s.ufo x --as raw
  refused "$how" ls s.ufo
  refused "$how" verify s.ufo
done

# Where nothing is said, the work is done as ever.
for how in '2>&-' '>&- 2>&-' '<&- 2>&-' '<&- >&- 2>&-'; do
  runs "$how" put new.ufo x --type integer i
  [ "$status" = 0 ] || failed "exit status $status"
  runs "$how" mv new.ufo x y
  [ "$status" = 0 ] || failed "exit status $status"
  runs "$how" import new.ufo t t.csv # its summary may have nowhere to go, the table has
  expect 0 get new.ufo y
  output_is 1 2 3
  expect 0 get new.ufo t
  output_is a,b 1,x
  expect 0 verify new.ufo
  rm new.ufo
done
