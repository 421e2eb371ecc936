# Snapshots and versions: made, listed, read and removed; what is said of one that is not there, or has an odd label.
. "$(dirname "$0")/lib.bash"
flags=-Wall
[ -z "${UFOSTORE_SANITIZE:-}" ] || flags="-Wall -fsanitize=$UFOSTORE_SANITIZE"
${CC:-cc} -std=gnu11 $flags -I"$UFOSTORE_SOURCE/include" "$UFOSTORE_SOURCE/tests/cli/versions.c" \
  "$UFOSTORE_BUILD/libufostore.a" -o versions -llmdb -llz4 -lxxhash -lpthread -lm >out 2>err ||
  failed "the helper program does not compile"
make() { last="versions $*"; ./versions "$@" 2>err || failed "the helper program failed"; }

integers 1 2 3 >i
expect 0 put s.ufo x --type integer i
expect 0 snapshot ls s.ufo
output_is "created  objects  held  label"
expect 0 snapshot ls s.ufo --json
output_is "[]"
expect 0 snapshot create s.ufo 2026-q1
[ ! -s out ] || failed "success is not silent"
make s.ufo write x 0 10
perl -e 'srand 1; print map { pack("L<", rand 2**32) } 1 .. 20000' >noise
expect 0 put s.ufo noise --type raw noise
expect 0 snapshot create s.ufo $'odd\033\nlabel'
make s.ufo write x 0 100
expect 0 rm s.ufo noise
expect 0 put s.ufo y --type integer i
make s.ufo frame t 1
expect 0 snapshot create s.ufo 2026-q2
make s.ufo frame t 2

# The list: oldest first, sizes for people; JSON exact; no control byte comes through.
expect 0 snapshot ls s.ufo
[ "$(wc -l <out)" = 4 ] || failed "not three snapshots"
[ "$(awk 'NR > 1 { print $NF }' out | tr '\n' ' ')" = '2026-q1 odd\x1b\nlabel 2026-q2 ' ] || failed "not the oldest first"
shows '78.1 KiB  odd\x1b\nlabel'
! LC_ALL=C grep -q $'\033' out || failed "a control byte in the output"
expect 0 snapshot ls --json s.ufo
valid_json
shows '"label": "odd\u001b\nlabel"'
[ "$(grep -o '"held_bytes": [0-9]*' out | sed -n 2p)" = '"held_bytes": 79996' ] || failed "not what it holds"
[ "$(grep -o '"objects": [0-9]*' out | tr -dc '0-9\n' | tr '\n' ' ')" = "1 2 3 " ] || failed "not how many objects"

# Reading at a snapshot.
expect 0 ls s.ufo --snapshot $'odd\033\nlabel'
output_is noise x
expect 0 ls -l s.ufo --snapshot 2026-q1
hides noise
expect 0 get s.ufo x --snapshot 2026-q1
output_is 1 2 3
expect 0 get s.ufo x --snapshot $'odd\033\nlabel'
output_is 10 2 3
expect 0 get s.ufo x
output_is 100 2 3
expect 0 get s.ufo noise --snapshot $'odd\033\nlabel' --as raw
same out noise
expect 1 get s.ufo noise; says noise
expect 1 get s.ufo y --snapshot 2026-q1; says "'y'"; says "no such object at snapshot '2026-q1'"
expect 0 info s.ufo t --snapshot 2026-q2
shows "data.frame, 3 rows of 2 columns"
expect 0 export s.ufo t t.csv --snapshot 2026-q2
same t.csv <(printf 'a,b\n1,1\n1,1\n1,1\n')
expect 0 export s.ufo t - --snapshot=2026-q2
same out t.csv
for arguments in "ls s.ufo" "info s.ufo x" "get s.ufo x" "export s.ufo x -"; do
  expect 1 $arguments --snapshot none
  says "s.ufo"; says "'none'"
  expect 1 $arguments --snapshot ''
  expect 1 $arguments --snapshot $'\xff'
  expect 2 $arguments --snapshot
  expect 2 $arguments --snapshto none; says "did you mean '--snapshot'?"
done
expect 1 ls no.ufo --snapshot none; says "no.ufo"
[ ! -e no.ufo ] || failed "a store was made"

# Versions.
expect 0 info s.ufo x --versions
[ "$(awk 'NR > 1 { print $1 }' out | tr '\n' ' ')" = "3 2 1 " ] || failed "not the versions"
shows 'odd\x1b\nlabel'
awk 'NR == 2' out | grep -q 'current.*2026-q2' || failed "not what is current"
expect 0 info s.ufo x --versions --json
valid_json
shows '"snapshot": "2026-q1"'
expect 0 info s.ufo x --versions --snapshot 2026-q1
[ "$(awk 'NR > 1 { print $1 }' out)" = 1 ] || failed "later versions at a snapshot"
expect 1 info s.ufo z --versions; says "'z'"
expect 1 info s.ufo z --versions --json; [ ! -s out ] || failed "half an answer"
expect 0 get s.ufo x --version 1
output_is 1 2 3
expect 0 get s.ufo x --version 2 --range 0:1
output_is 10
expect 1 get s.ufo x --version 9; says "version 9"
expect 1 get s.ufo x --version 3 --snapshot 2026-q1; says "after snapshot '2026-q1'"
expect 1 get s.ufo z --version 1; says "'z'"
# Of a data frame: one column was changed in place, the other replaced.
expect 0 get s.ufo t --version 1
same out t.csv
expect 0 get s.ufo t --version 2
output_is a,b 2,2 2,2 2,2
expect 0 mv s.ufo t renamed
expect 0 get s.ufo renamed --version 1
same out t.csv
expect 0 get s.ufo 'renamed$a' --version 1
output_is 1 1 1
expect 1 get s.ufo renamed --version 7; says "version 7"

# What somebody has open is kept as long, and listed.
mkfifo go
./versions s.ufo hold x <go >held &
exec 3>go
while ! grep -q held held; do sleep 0.05; done
make s.ufo write x 0 1000
expect 0 info s.ufo x --versions
awk 'NR == 3' out | grep -q 'in use.*2026-q2' || failed "not that it is in use"
exec 3>&-
wait

# Removing gives the room back; the others stay.
expect 0 verify s.ufo
expect 0 snapshot rm s.ufo $'odd\033\nlabel'
expect 1 snapshot rm s.ufo $'odd\033\nlabel'
says 'odd\x1b\nlabel'; says "s.ufo"
expect 0 compact s.ufo
[ "$(stat -c %s s.ufo)" -lt 150000 ] || failed "the room is still taken"
expect 0 get s.ufo x --snapshot 2026-q1
output_is 1 2 3
expect 0 get s.ufo renamed --version 1
same out t.csv
expect 0 snapshot rm s.ufo -- 2026-q1
expect 0 snapshot rm s.ufo 2026-q2
expect 1 get s.ufo renamed --version 1
expect 0 verify s.ufo

# Wrong usage, and what fails.
expect 1 snapshot create no.ufo x; says "no.ufo"
expect 1 snapshot ls no.ufo; says "no.ufo"
[ ! -e no.ufo ] || failed "a store was made"
expect 0 snapshot create s.ufo again
expect 1 snapshot create s.ufo again; says "'again'"; says "there is a snapshot of that label"; says "s.ufo"
expect 1 snapshot create s.ufo "$(printf 'n%.0s' $(seq 481))"
expect 1 snapshot create s.ufo $'\xff'
expect 2 snapshot; says "usage: ufostore snapshot"
expect 2 snapshot create s.ufo; says "LABEL is missing"
expect 2 snapshot rm s.ufo; says "LABEL is missing"
expect 2 snapshot ls s.ufo x; says "unexpected argument 'x'"
expect 2 snapshot creat s.ufo x; says "did you mean 'create'?"
expect 2 snapshot s.ufo x; says "not create, ls or rm"
expect 2 snapshot create s.ufo x --json; says "'--json' is for ls"
expect 2 snapshot create s.ufo ''
for help in "snapshot --help" "snapshot create --help" "snapshot ls s.ufo --help" "help snapshot"; do
  expect 0 $help
  shows "usage: ufostore snapshot"
  shows "rm PATH LABEL"
done
echo text >text
expect 3 snapshot ls text
expect 3 snapshot create text x

# A store and a folder that may not be written.
if [ "$(id -u)" != 0 ]; then
  chmod 444 s.ufo
  expect 1 snapshot create s.ufo more; says "s.ufo"
  expect 0 snapshot ls s.ufo
  expect 0 get s.ufo x --snapshot again
fi
