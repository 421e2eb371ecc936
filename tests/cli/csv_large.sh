# 200,000 rows, with surprises in the last one, and in bounded memory.
. "$(dirname "$0")/lib.bash"

perl -e 'my $n = 200000; print "int,dbl,lgl,late,text\n";
  for (1 .. $n - 1) { printf "%d,%.2f,%s,%d,row %d\n", $_, $_ / 100, ("TRUE", "FALSE", "NA")[$_ % 3], $_ % 10, $_ }
  print "2147483648,NaN,maybe,late,\"the\nlast\"\n"' >large.csv
expect 0 import s.ufo large large.csv
shows "large: 200,000 rows, 5 columns (2 double, 3 text)"
expect 0 get s.ufo large --range 199998:
output_is int,dbl,lgl,late,text "199999,1999.99,FALSE,9,row 199999" '2147483648,NaN,maybe,late,"the
last"'
expect 0 export s.ufo large large.out
# %.2f writes "1.50", export the fewest digits.
perl -pe 's/^(\d+,\d+\.\d)0,/$1,/; s/^(\d+,\d+)\.0,/$1,/' large.csv >wanted
same large.out wanted
expect 0 get s.ufo 'large$text' --range 65535:65538
output_is "row 65536" "row 65537" "row 65538"
expect 0 verify s.ufo

head -n 200000 large.csv >early.csv
expect 0 import s.ufo early early.csv
shows "199,999 rows, 5 columns (1 logical, 2 integer, 1 double, 1 text)"

# A ragged last row refuses all of it and leaves the old table.
(cat early.csv; echo 1,2) >ragged.csv
expect 1 import s.ufo early ragged.csv
says "line 200001: 2 fields where the header has 5"
expect 0 info s.ufo early --json
shows '"rows": 199999'

# Memory does not grow with the file. Counted is memory of the process's own, not pages of the mapped store file.
[ -n "${UFOSTORE_SANITIZE:-}" ] && exit 0
peak() { # the most RssAnon, in KiB, that was seen while the command ran
  perl -e 'my $peak = 0;
    my $pid = fork // die;
    if (!$pid) { open STDOUT, ">", "/dev/null"; exec @ARGV or die }
    while (waitpid($pid, 1) == 0) {
      open my $f, "<", "/proc/$pid/status" or next;
      while (<$f>) { $peak = $1 if /^RssAnon:\s+(\d+)/ && $1 > $peak }
      select undef, undef, undef, 0.005 }
    die "the command failed" if $?;
    print $peak' "$@" || failed "measuring $*"
}
(head -n 1 early.csv; for i in 1 2 3 4 5 6 7 8; do tail -n +2 early.csv; done) >eight.csv
one=$(peak "$UFOSTORE_BIN" import m.ufo one early.csv)
eight=$(peak "$UFOSTORE_BIN" import n.ufo eight eight.csv)
printf 'peak of own memory: %s KiB for 0.2 million rows, %s KiB for 1.6 million\n' "$one" "$eight"
[ "$eight" -lt $((one + 24 * 1024)) ] || failed "importing eight times the rows took $eight KiB, once took $one KiB"

# Nor with the number of columns: what is read at a time is shared among them.
perl -e 'my $n = 10000; print join(",", map { "c$_" } 1 .. $n), "\n";
  for my $row (1 .. 20) { print join(",", map { $_ % 2 ? "text $row" : $row + 0.5 } 1 .. $n), "\n" }' >wide.csv
expect 0 import w.ufo wide wide.csv
expect 0 export w.ufo wide -
same out wide.csv
for arguments in "export w.ufo wide -" "get w.ufo wide --range 3:4"; do
  wide=$(peak "$UFOSTORE_BIN" $arguments)
  printf 'peak of own memory: %s KiB for %s\n' "$wide" "$arguments"
  [ "$wide" -lt $((128 * 1024)) ] || failed "10,000 columns took $wide KiB: $arguments"
done
