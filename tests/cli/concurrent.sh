# Reading while others commit: what comes out is of one version as a whole, or the reading ends with a message.
. "$(dirname "$0")/lib.bash"

perl -e 'print pack("l<", 1) x 1000000' >ones
perl -e 'print pack("l<", 2) x 1000000' >twos
(echo a,b; for i in $(seq 20000); do echo "1,text 1"; done) >ones.csv
sed 's/1/2/g' ones.csv >twos.csv
expect 0 put s.ufo v --type integer ones
expect 0 import s.ufo t ones.csv

(
  for i in $(seq 40); do
    "$UFOSTORE_BIN" put s.ufo v --type integer twos || exit 1
    "$UFOSTORE_BIN" import s.ufo t twos.csv >writer.out || exit 1
    "$UFOSTORE_BIN" put s.ufo v --type integer ones || exit 1
    "$UFOSTORE_BIN" import s.ufo t ones.csv >writer.out || exit 1
    [ ! -e enough ] || break
  done
) 2>writer.err &
writer=$!
whole=0 refused=0
for i in $(seq 12); do
  for arguments in "get s.ufo v --as raw" "get s.ufo v" "get s.ufo t" "get s.ufo t\$b" "info s.ufo t" "ls -l s.ufo"; do
    ufo $arguments
    case $status in
      0) ;;
      1)
        says "changed by somebody else"
        refused=$((refused + 1))
        continue
        ;;
      *) failed "exit status $status" ;;
    esac
    case $arguments in
      *raw) cmp -s out ones || cmp -s out twos || failed "a mixture of versions" ;;
      "get s.ufo t") cmp -s out ones.csv || cmp -s out twos.csv || failed "a mixture of versions" ;;
      get*) [ "$(sort -u out | wc -l)" = 1 ] || failed "a mixture of versions" ;;
    esac
    whole=$((whole + 1))
  done
done
touch enough
wait "$writer" || { cat writer.err >&2; failed "the writer"; }
printf '%s readings whole, %s refused\n' "$whole" "$refused"
[ "$whole" -gt 0 ] || failed "no reading came to its end"
expect 0 verify s.ufo
