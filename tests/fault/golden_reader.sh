#!/bin/bash
# The independent reader on the golden files: it reads what MANIFEST says, and refuses what store-format/golden/refused/
# holds with the exit status that stands there; so does the command-line tool. (golden.c is the library's part.)
set -u
. "$UFOSTORE_SOURCE/tests/common/reader.sh"
golden=$UFOSTORE_SOURCE/store-format/golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
complain() { echo "FAILED: $*"; failures=$((failures + 1)); }

# XXH3-64 against figures of the xxHash project's own library, in xxh3.txt.
"$python" - "$UFOSTORE_SOURCE/store-format" "$UFOSTORE_SOURCE/tests/fault/xxh3.txt" <<'PYTHON' || complain "XXH3-64"
import sys
sys.path.insert(0, sys.argv[1])
import reader
for line in open(sys.argv[2]):
    if not line.startswith("#"):
        length, seed, wanted = (int(word, 16) for word in line.split())
        found = reader.xxh3(bytes(i * 131 + (i >> 8) & 255 for i in range(length)), seed)
        if found != wanted:
            sys.exit(f"{length} bytes, seed {seed:x}: {found:x}, not {wanted:x}")
PYTHON

# ---- files that must open
read=0
for folder in "$golden"/[0-9]*; do
  cp "$folder"/*.ufo .
  for file in *.ufo; do
    chmod u+w "$file"
    reader --check "$file" >out 2>&1 || { complain "${folder##*/}/$file is not sound"; cat out; }
    {
      reader "$file" --digest --versions | sed "s/^/$file\t/"
      reader "$file" --snapshots | cut -f 1 | while IFS= read -r label; do
        reader "$file" --digest --snapshot "$label" | sed "s/^/$file@$label\t/"
      done
    } >found 2>err
    [ ! -s err ] || complain "$(head -n 3 err)"
    grep -E "^$file(@[^	]*)?	" "$folder/MANIFEST" | sort >wanted
    sort found | diff wanted - || complain "the reader finds another content in ${folder##*/}/$file (>)"
    # The tool's bytes of every object are the reader's, whose hash is in MANIFEST.
    while IFS=$'\t' read -r name version type length body _; do
      [ "$body" != - ] || continue
      case $name in *\\x*) continue ;; esac
      hash=$("$UFOSTORE_BIN" get "$file" "$name" --as raw 2>err | sha256sum | cut -d ' ' -f 1)
      [ "$hash" = "$body" ] || complain "ufostore get ${folder##*/}/$file '$name' --as raw: $(cat err)"
    done < <(reader "$file" --digest)
    read=$((read + 1))
  done
  rm -f ./*
done

# ---- files that must be refused
refused=0
expect() { # expect STATUS COMMAND...: that exit status, a message if it is not 0, no traceback
  local wanted=$1 status
  shift
  "$@" >out 2>err
  status=$?
  [ "$status" = "$wanted" ] || complain "$file ($words): $1 $2 $3: exit status $status, not $wanted: $(head -c 300 err)"
  [ "$status" = 0 ] || [ -s err ] || [ -s out ] || complain "$file: no message"
  if grep -q Traceback err; then complain "$file: $(tail -n 1 err)"; fi
}
while IFS=$'\t' read -r file check verify what reads gets words; do
  cp "$golden/refused/$file" .
  chmod u+w "$file"
  expect "$check" reader --check "$file"
  expect "$verify" "$UFOSTORE_BIN" verify "$file"
  case $what in
  - | sound | read-only)
    expect "$reads" reader "$file"
    expect "$gets" "$UFOSTORE_BIN" ls "$file"
    ;;
  *)
    expect "$reads" reader "$file" "$what" --raw
    expect "$gets" "$UFOSTORE_BIN" get "$file" "$what" --as raw
    ;;
  esac
  case $what in
  read-only) expect 1 "$UFOSTORE_BIN" rm "$file" b ;;
  sound)
    expect 0 "$UFOSTORE_BIN" rm "$file" b
    expect 0 reader --check "$file"
    ;;
  esac
  if [ "$file" = compat.ufo ]; then
    "$python" -c 'import sys; sys.path.insert(0, sys.argv[1]); import reader; sys.exit(reader.Store(sys.argv[2]).superblock.compat != 32)' \
      "$UFOSTORE_SOURCE/store-format" "$file" || complain "an unknown compat bit was not kept"
  fi
  refused=$((refused + 1))
  rm -f ./*
done <"$golden/refused/MANIFEST"

# ---- single bits of sound files: an error or the bytes that were there, a message, never a traceback
"$python" - "$UFOSTORE_SOURCE/store-format" "$(if nightly; then echo 5000; else echo 300; fi)" "${UFO_SEED:-1}" 2>err >out <<'PYTHON'
import argparse, contextlib, glob, os, random, sys
sys.path.insert(0, sys.argv[1])
import reader
tries, seed = map(int, sys.argv[2:])
options = argparse.Namespace(snapshot=None, check=False, digest=True, name=None, versions=False, at_most=None, many=False)
def lines():
    with open("lines", "w") as f:
        sys.stdout, before = f, sys.stdout
        with contextlib.suppress(Exception):
            status = reader.in_child(options, "flipped.ufo")
        sys.stdout = before
    return status, open("lines").read().splitlines()
random.seed(seed)
files = [f for f in sorted(glob.glob(sys.argv[1] + "/golden/[0-9]*/*.ufo")) if os.path.basename(f) != "sparse.ufo"]
caught = 0
for n in range(tries):
    path = files[n % len(files)]
    data = bytearray(open(path, "rb").read())
    open("flipped.ufo", "wb").write(data)
    _, right = lines()
    bit = random.randrange(8 * len(data))
    data[bit // 8] ^= 1 << bit % 8
    open("flipped.ufo", "wb").write(data)
    status, found = lines()
    caught += status != 0
    wrong = set(found) - set(right)
    if wrong or status not in (0, 1, 3):
        print(f"{path}: bit {bit} flipped, seed {seed}: status {status}, {sorted(wrong)[:2]}")
print(f"{tries} bits flipped, {caught} noticed by reading", file=sys.stderr)
PYTHON
if [ -s out ] || ! grep -q 'noticed by reading' err || grep -q Traceback err; then complain "flipped bits: $(head -n 5 out; grep -A9 Traceback err)"; fi
tail -n 1 err
tally "$(if nightly; then echo 5000; else echo 300; fi)" "bits flipped under the independent reader"

tally "$read" "golden files read by the independent reader"
tally "$refused" "golden files refused by the independent reader and the tool"
if [ "$read" = 0 ] || [ "$refused" = 0 ]; then complain "no golden files"; fi
exit $((failures > 0))
