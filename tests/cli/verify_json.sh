# `verify --json`: one valid document whatever is found and whatever bytes names have, with the exit status of the lines.
. "$(dirname "$0")/lib.bash"

# field EXPRESSION: of the document in out, as python sees it.
command -v python3 >/dev/null 2>&1 || { echo "no python3 to read JSON"; exit 77; }
field() { python3 -c 'import json,sys; d = json.load(open("out", encoding="utf-8")); print(eval(sys.argv[1]))' "$1"; }
is() { # is EXPRESSION VALUE
  local found
  found=$(field "$1") || failed "no valid JSON"
  [ "$found" = "$2" ] || failed "$1 is $found, not $2"
}
keys="path preflight salvaged_to findings complete sound"

perl -e 'srand 3; print pack("L<*", map { rand 2 ** 32 } 1 .. 200000)' >d # noise: the file has it as it is
integers 5 6 7 >i
strange=$'a"\\\n\t\x01\x7f\xc2\x85 \xc3\xa4'
expect 0 put s.ufo d --type raw d --chunk 64K
expect 0 put s.ufo "$strange" --type raw d --chunk 64K
expect 0 put s.ufo i --type integer i

# Nothing is wrong.
for option in "" --preflight; do
  expect 0 verify s.ufo --json $option
  is '" ".join(d)' "$keys checked"
  is 'd["path"], d["preflight"], d["salvaged_to"], d["findings"]' "('s.ufo', $([ "$option" ] && echo True || echo False), None, [])"
  is 'd["complete"], d["sound"]' "(True, True)"
  is 'd["checked"]["objects"]' 3
  is 'd["checked"]["blobs"]' 27
  is 'd["checked"]["file_bytes"]' "$(stat -c %s s.ufo)"
done

# Bytes of the data: the chunk, and its elements.
hurt() { # hurt FROM TO BYTES_BEFORE: inverts a byte in the n-th copy of the data in FROM
  perl -0777 -e 'my ($from, $to, $skip) = @ARGV; open F, "<", $from; my $all = <F>; open D, "<", "d"; my $d = <D>;
    my $part = substr $d, 3 * 65536, 500; my $at = -1;
    $at = index($all, $part, $at + 1) for 0 .. $skip; $at >= 0 or die "not found";
    substr($all, $at + 100, 1) ^= "\xff"; open T, ">", $to; print T $all' "$1" "$2" "$3" || failed "no such bytes"
}
hurt s.ufo hurt.ufo 0
hurt hurt.ufo both.ufo 0
for option in "" --preflight; do
  expect 3 verify both.ufo --json $option
  is 'len(d["findings"]), d["complete"], d["sound"]' "(2, True, False)"
  is 'sorted(f["object"] for f in d["findings"]) == sorted(["d", "a\"\\\n\t\x01\x7f\x85 \xe4"])' True
  is '[(f["kind"], f["version"]) for f in d["findings"]]' "[('chunk', 1), ('chunk', 1)]"
  is 'd["findings"][0]["elements"]' "{'first': 196608, 'count': 65536}"
  is 'd["findings"][0]["chunks"]' "{'first': 3, 'count': 1}"
  is '" ".join(d["findings"][0])' "kind object version elements chunks text"
  is '"checksum" in d["findings"][0]["text"]' True
  is 'd["checked"]["objects"]' 3
done
says_lines=$("$UFOSTORE_BIN" verify both.ufo | grep -c 'elements 196608:262144')
[ "$says_lines" = 2 ] || failed "the lines say something else"

# What is salvaged, and what of it is lost.
expect 3 verify both.ufo --json --salvage saved.ufo
is '" ".join(d)' "$keys saved"
is 'd["salvaged_to"], d["complete"], d["sound"], d["saved"]["objects"]' "('saved.ufo', True, False, 3)"
is '[(f["kind"], f["chunks"]) for f in d["findings"]]' "[('chunk', {'first': 3, 'count': 1}), ('chunk', {'first': 3, 'count': 1})]"
expect 0 verify s.ufo --json --salvage whole.ufo
is 'd["complete"], d["sound"], d["findings"], d["saved"]["blobs"]' "(True, True, [], 27)"
expect 1 verify s.ufo --json --salvage whole.ufo; says "exists already"
[ ! -s out ] || failed "a document although nothing was looked at"

# Files that are refused as a whole, by an opening or a preflight: a finding of no object.
head -c 100000 /dev/urandom >noise.ufo
head -c 20000 s.ufo >cut.ufo
for file in noise.ufo cut.ufo; do
  for option in "" --preflight; do
    expect 3 verify $file --json $option
    is 'd["path"], d["complete"], d["sound"], d["checked"]' "('$file', False, False, None)"
    is '[(f["kind"], f["object"], f["elements"]) for f in d["findings"]]' "[('store', None, None)]"
    is "\"$file\" in d['findings'][0]['text']" True
  done
done
expect 3 verify noise.ufo --json --salvage nothing.ufo
is 'd["complete"], d["findings"][0]["kind"], d["findings"][0]["object"]' "(True, 'store', None)"

# What cannot be read at all is no finding.
for options in "" "--preflight" "--salvage none.ufo"; do
  expect 1 verify missing.ufo --json $options
  [ ! -s out ] || failed "a document about no file"
done

# A path that is no text.
cp both.ufo $'b\xff"\n.ufo'
expect 3 verify $'b\xff"\n.ufo' --json
is 'd["path"] == "b\ufffd\"\n.ufo"' True

[ -w /dev/full ] || exit 0
timeout 60 "$UFOSTORE_BIN" verify s.ufo --json >/dev/full 2>err
status=$?
[ "$status" = 1 ] || failed "a full disk ended with $status"
says "cannot write to standard output"
