# A message names the store and the object, also where their names happen to be parts of its words or of other names.
. "$(dirname "$0")/lib.bash"

integers 1 2 3 >i
head -c 10 /dev/zero >ten
printf 'a,b\n1\n' >ragged.csv
mkdir folder

names() { # "STORE: object 'OBJECT'", the store as given or absolute, or "'OBJECT' ... store ABSOLUTE"
  grep -qF -e "ufostore: $store: object '$object': " -e "ufostore: $absolute: object '$object': " err && return
  { grep -F "'$object'" err | grep -qF "store $absolute"; } || failed "store '$store' or object '$object' is not named"
}

for store in s e store "two words" ./e folder/o; do
  rm -f "$store" "$store-lock"
  expect 0 create "$store"
  absolute=$(realpath "$store")
  for object in a object ten 'x$y'; do
    expect 1 get "$store" "$object"; names
    expect 1 info "$store" "$object"; names
    expect 1 rm "$store" "$object"; names
    expect 1 mv "$store" "$object" other; names
    expect 1 export "$store" "$object" out.csv; names
    expect 1 put "$store" "$object" --type integer missing; names; says "missing': No such file"
    expect 1 put "$store" "$object" --type integer folder; names; says "it is a directory"
    expect 1 put "$store" "$object" --type integer ten; names; says "10 bytes"
    expect 1 put "$store" "$object" --type raw "$store"; names; says "the store itself"
    expect 1 import "$store" "$object" missing; names; says "missing': No such file"
    expect 1 import "$store" "$object" ragged.csv; names; says "line 2"
    expect 0 put "$store" "$object" --type integer i
    expect 1 get "$store" "$object" --range 2:9; names; says "2:9"
    expect 1 get "$store" "$object" --version 7; names
    expect 1 export "$store" "$object" missing/out.csv; names
    expect 1 export "$store" "$object" "$store"; names; says "the store itself"
    expect 0 rm "$store" "$object"
  done
done

# Of a store that is not there, or is none.
for store in e store x/e; do
  rm -rf "$store"
  expect 1 ls "$store"
  grep -qE "(^ufostore: |store )$store: " err || failed "the store is not named"
  expect 1 rm "$store" x
  grep -qE "(^ufostore: |store )$store: " err || failed "the store is not named"
done
mkdir store
ufo ls store
says "$(realpath store) "
