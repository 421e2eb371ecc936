# Text columns are R's serialization: R reads what import wrote, and the tool reads what R wrote.
. "$(dirname "$0")/lib.bash"
command -v Rscript >/dev/null 2>&1 || exit 77

printf 'x,y\n1,plain\n2,Grüße\n3,NA\n4,"NA"\n5,""\n6,"a\nb"\n' >t.csv
expect 0 import s.ufo t t.csv
expect 0 get s.ufo 't$y' --as raw
Rscript --vanilla -e '
  x <- unserialize(readBin("out", "raw", 1e6))
  want <- c("plain", "Gr\u00fc\u00dfe", NA, "NA", "", "a\nb")
  stopifnot(identical(x, want), identical(Encoding(x), Encoding(want)))
  stopifnot(identical(serialize(want, NULL), readBin("out", "raw", 1e6)))' >r.log 2>&1 ||
  { cat r.log >&2; failed "R reads another vector"; }
exit 0
