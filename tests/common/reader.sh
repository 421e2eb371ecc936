# Sourced by tests of the independent reader, store-format/reader.py: finds a Python that can run it.

. "$UFOSTORE_SOURCE/tests/common/tally.sh"

# The library's part runs under sanitizers as fault_golden; this would only take longer.
if [ -n "${UFOSTORE_SANITIZE:-}" ]; then echo "not with a sanitizer"; exit 77; fi

python=
for candidate in ${UFO_PYTHON:-} /usr/bin/python3 python3; do
  if "$candidate" -c 'import lmdb, lz4.block' 2>/dev/null; then python=$candidate; break; fi
done
if [ -z "$python" ]; then echo "no python3 with the modules lmdb and lz4"; exit 77; fi

export PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8

reader() { timeout 100 "$python" "$UFOSTORE_SOURCE/store-format/reader.py" "$@"; }

# agree FOLDER: of each *.ufo in it, the reader and the library say the same: both find it sound, and then read the same
# objects and attributes (bodies of at most 4 MiB); or neither does. Few at a time: a busy machine takes long over one. Shows each difference; fails if there is one. Sets
# `sound` and `unsound` to the number of files.
agree() {
  local folder=$1 store at status=0 verdict stores=() good=() most=4194304
  sound=0 unsound=0
  for store in "$folder"/*.ufo; do if [ -e "$store" ]; then stores+=("$store"); fi; done
  [ ${#stores[@]} -gt 0 ] || return 0
  for ((at = 0; at < ${#stores[@]}; at += 5)); do reader --check "${stores[@]:at:5}"; done >"$folder/check" 2>&1
  for store in "${stores[@]}"; do
    timeout 60 "$UFOSTORE_BIN" verify "$store" >"$folder/verify" 2>&1
    verdict=$?
    if [ $verdict -gt 128 ]; then # LMDB trusts its pages (CAVEATS in store.h): what ends it is for the preflight to refuse
      timeout 60 "$UFOSTORE_BIN" verify --preflight "$store" >"$folder/verify" 2>&1
      verdict=$?
    fi
    if [ $verdict -gt 3 ]; then
      echo "$store: verify ended with $verdict"
      status=1
    elif grep -qE "^$store: .*: sound$" "$folder/check"; then
      if [ $verdict = 0 ]; then good+=("$store"); else
        echo "$store: the reader finds it sound, but verify:"
        tail -n 4 "$folder/verify"
        status=1
      fi
    elif [ $verdict = 0 ]; then
      echo "$store: verify finds it sound, but the reader:"
      grep -F "$store: " "$folder/check" | tail -n 4
      status=1
    else unsound=$((unsound + 1)); fi
  done
  sound=${#good[@]}
  [ "$sound" -gt 0 ] || return $status
  for ((at = 0; at < sound; at += 5)); do reader --at-most $most --digest "${good[@]:at:5}"; done >"$folder/reader" 2>&1
  for ((at = 0; at < sound; at += 5)); do
    timeout 100 "$UFOSTORE_BUILD/tests/fault_golden" digest $most "${good[@]:at:5}"
  done >"$folder/library" 2>&1
  if ! cmp -s "$folder/reader" "$folder/library"; then
    echo "the reader (<) and the library (>) read different things:"
    diff "$folder/reader" "$folder/library" | head -n 6
    status=1
  fi
  return $status
}
