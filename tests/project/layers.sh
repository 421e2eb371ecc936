#!/bin/bash
# Arrows between the parts of src/ point one way, and programs and bindings use public headers only.
set -eu
cd "$UFOSTORE_SOURCE"
status=0

# Each part may include itself and the parts after the colon.
allowed() {
  case $1 in
  util) echo util ;;
  os) echo util os ;;
  region) echo util os region ;;
  codec) echo util os codec ;;
  store) echo util os codec store ;;
  csv) echo util csv ;; # over the public headers of the store
  view) echo util os region codec store view ;;
  source) echo util os region codec store view source ;;
  *) echo unknown ;;
  esac
}

for folder in src/*/; do
  part=$(basename "$folder")
  may=" $(allowed "$part") "
  [ "$may" != " unknown " ] || { echo "src/$part has no place in the layering of this test"; status=1; }
  for file in "$folder"*.[ch]; do
    [ -e "$file" ] || continue
    for target in $(sed -n 's/^#include "\([a-z0-9]*\)\/.*/\1/p' "$file" | sort -u); do
      case $may in *" $target "*) ;; *) echo "$file includes from src/$target"; status=1 ;; esac
    done
  done
done

# The framework knows no storage, and the store no page faults. (A hash is no storage: windows are compared by it.)
if grep -nE '#include <(lmdb|lz4)' src/region/*.[ch] src/os/*.[ch] src/util/*.[ch]; then
  echo "region, os and util must not know the storage libraries"
  status=1
fi
if grep -nE '#include <(ufostore/(pool|region|view)|linux/userfaultfd)' src/store/*.[ch] src/codec/*.[ch]; then
  echo "store and codec must not know regions"
  status=1
fi
if grep -lE '#include <lmdb' src/*/*.[ch] | grep -v '^src/store/'; then
  echo "only src/store may include LMDB"
  status=1
fi
for file in tools/cli/*.[ch] tools/bench/*.[ch] tools/examples/*.c tools/demo/*.c bindings/r/src/*.[ch]; do
  [ -e "$file" ] || continue
  if grep -nE '#include ["<](\.\./)*(src/)?(util|os|region|codec|store|csv|view|source)/' "$file"; then
    echo "$file includes internal headers"
    status=1
  fi
done
exit $status
