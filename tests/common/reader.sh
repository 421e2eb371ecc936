# Sourced by tests of the independent reader, store-format/reader.py: finds a Python that can run it.

# tally COUNT WHAT: for the table that tools/test prints. See tally.h.
tally() {
  local count=$1
  shift
  echo "counted: $count $*"
  if [ -n "${UFO_TALLY:-}" ]; then printf '%s\t%s\n' "$count" "$*" >>"$UFO_TALLY"; fi
}

nightly() {
  [ "${UFO_TEST_LEVEL:-}" = nightly ] || [ "${UFO_TEST_LEVEL:-}" = release ]
}

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
# objects, versions and attributes; or neither does. Shows each difference; fails if there is one. Sets `sound` and
# `unsound` to the number of files.
agree() {
  local folder=$1 store verdict status=0 objects
  sound=0 unsound=0
  for store in "$folder"/*.ufo; do
    [ -e "$store" ] || continue
    timeout 60 "$UFOSTORE_BIN" verify "$store" >"$store.verify" 2>&1
    verdict=$?
    reader --check "$store" >"$store.check" 2>&1
    case $verdict:$? in
    0:0)
      sound=$((sound + 1))
      # The reader first: a handle that may write reclaims what nobody holds.
      reader "$store" --digest >"$store.reader" 2>&1
      timeout 60 "$UFOSTORE_BUILD/tests/fault_golden" digest "$store" >"$store.library" 2>&1
      if ! cmp -s "$store.reader" "$store.library"; then
        echo "$store: the reader (<) and the library (>) read different things:"
        diff "$store.reader" "$store.library" | head -n 6
        status=1
      fi
      ;;
    1:[13] | 3:[13]) unsound=$((unsound + 1)) ;;
    *)
      echo "$store: exit status $verdict of verify and the reader's differ:"
      tail -n 4 "$store.verify" "$store.check"
      status=1
      ;;
    esac
  done
  return $status
}
