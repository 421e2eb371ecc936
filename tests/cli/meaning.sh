# What the tool makes of attributes: factors, dates, data frames, lists, matrices, and R values in R's serialization.
. "$(dirname "$0")/lib.bash"
source=${UFOSTORE_SOURCE:?} build=${UFOSTORE_BUILD:?}
flags=-Wall
[ -z "${UFOSTORE_SANITIZE:-}" ] || flags="-Wall -fsanitize=$UFOSTORE_SANITIZE"
${CC:-cc} -std=gnu11 $flags -I"$source/include" "$source/tests/cli/fixture.c" "$build/libufostore.a" \
  -o fixture -llmdb -llz4 -lxxhash -lpthread -lm >out 2>err || failed "the fixture does not compile"
./fixture s.ufo 2>err || failed "the fixture does not run"

expect 0 get s.ufo factor
output_is "high, very" low NA NA NA
expect 0 get s.ufo factor --as csv
output_is factor '"high, very"' low NA '"NA"' NA
expect 0 get s.ufo factor --as raw --range 0:1
same out <(integers 2)
expect 3 get s.ufo badfactor; says "code 9 of a factor with 4 levels"
expect 0 get s.ufo date
output_is 1970-01-01 2023-11-28 1969-12-31 Inf
expect 0 get s.ufo idate
output_is 2000-02-29 NA
expect 0 get s.ufo time
output_is 1970-01-01T00:00:00Z 2023-11-14T22:13:20.25Z 1969-12-31T23:59:58.5Z
expect 0 get s.ufo frame
output_is row.names,f,n first,low,1.5 '"second, too",NA,2' 'third,"high, very",-3'
expect 0 get s.ufo frame --range 1:2
output_is row.names,f,n '"second, too",NA,2'
expect 0 get s.ufo 'frame$n' --as csv
output_is n 1.5 2 -3
expect 1 get s.ufo frame --range 0:4; says "outside its 3 elements"
expect 1 get s.ufo frame --as text; says "name one"
expect 1 get s.ufo frame --as raw
expect 1 get s.ufo list; says "list of 2 elements"
expect 1 export s.ufo list list.csv
[ ! -e list.csv ] || failed "a file was left"
expect 0 get s.ufo 'list[[1]]'
output_is 1 2
expect 0 get s.ufo 'list$inner[[1]]'
output_is 1 2 3
expect 0 get s.ufo record
output_is 616263 78797a
expect 0 get s.ufo record --as raw
printf abcxyz | cmp - out || failed "the record's bytes"

expect 0 get s.ufo strings
output_is a NA é 'b\nc'
expect 0 get s.ufo strings --range 2:3
output_is é
expect 0 get s.ufo strings --as csv
output_is strings a NA é '"b' 'c"'
expect 1 get s.ufo strings --range 0:5
expect 0 get s.ufo wrapped
output_is a b
expect 1 get s.ufo call; says "R object of type language"; says call
expect 1 get s.ufo noise; says "only R can show"
for name in short long huge; do
  expect 3 get s.ufo "$name"; says "malformed"; says "$name"
done
expect 0 get s.ufo call --as raw
[ -s out ] || failed "no bytes"

for name in factor date idate time frame list record matrix strings wrapped call short noise; do
  expect 0 info s.ufo "$name"
  expect 0 info s.ufo "$name" --json
  valid_json
done
expect 0 info s.ufo matrix
shows "6 elements (2 x 3)"; shows '"quo"te\\ \x1b[1m\n" NA'; shows "Inf 1"; shows "01 ff"
expect 0 info s.ufo matrix --json
shows '"quo\"te\\ \u001b[1m\n"'; shows '"Inf"'; shows '"foreign_bytes": 4'; shows 'true'
expect 0 info s.ufo list
shows '[[1]]'; shows inner
expect 0 info s.ufo frame
shows "frame: data.frame, 3 rows of 2 columns"; shows '"first" "second, too" "third"'
expect 0 ls -l s.ufo
for text in factor Date POSIXct data.frame "3 x 2" "2 x 3" character language; do shows "$text"; done
expect 0 ls --json s.ufo
valid_json
