# CSV in and out: everything that quoting allows, byte for byte; types; missing values; what is refused.
. "$(dirname "$0")/lib.bash"

# A file in the form in which export writes comes back byte for byte, whatever is in it.
cat >nasty.csv <<'END'
id,"a ""quoted"" name","with, comma",wörter,flag,price,mixed,V8,V9
1,plain,"1,5",Grüße,TRUE,1.5,1,"",NA
2,"say ""hi""","line one
line two",日本語,FALSE,NA,x,a,NA
3,"""","
",'single',NA,-0,007, ,NA
4, lead and trail ,"","NA",TRUE,1e+300,12345678901234567890,"",NA
5,NA,",",NA,FALSE,0.1,-,"",NA
END
expect 0 import s.ufo nasty nasty.csv
shows "5 rows, 9 columns (2 logical, 1 integer, 1 double, 5 text)"
expect 0 export s.ufo nasty out.csv
same out.csv nasty.csv
expect 0 export s.ufo nasty -
same out nasty.csv
expect 0 get s.ufo nasty
same out nasty.csv
expect 0 get s.ufo 'nasty$mixed'
output_is 1 x 007 12345678901234567890 -
expect 0 get s.ufo 'nasty[[3]]'
output_is 1,5 'line one\nline two' '\n' '' ,
expect 0 get s.ufo 'nasty$wörter' --range 3:5
output_is NA NA
expect 0 get s.ufo 'nasty$wörter' --range 3: --as csv
output_is wörter '"NA"' NA
expect 0 verify s.ufo

# The same file with CRLF, a byte order mark, every field in quotes, no line end at its end: the same table.
perl -e 'local $/; $_ = <STDIN>; my (@f, @r);
  while (/\G(?:"((?:[^"]|"")*)"|([^,\n]*))([,\n])/g) { my $v = defined $1 ? $1 : $2; my $q = defined $1;
    $v = (!$q && $v eq "NA") ? $v : qq("$v"); push @f, $v; if ($3 eq "\n") { push @r, join ",", @f; @f = () } }
  print "\xEF\xBB\xBF", join "\r\n", @r' <nasty.csv >crlf.csv
grep -q $'\r' crlf.csv || failed "no CRLF in the test's file"
expect 0 import s.ufo crlf crlf.csv
expect 0 get s.ufo crlf
same out nasty.csv
expect 0 import s.ufo piped - <crlf.csv
expect 0 get s.ufo piped
same out nasty.csv
cat crlf.csv | "$UFOSTORE_BIN" import s.ufo piped /dev/stdin >out 2>err || failed "from a pipe"
expect 0 get s.ufo piped
same out nasty.csv

# Types: the first that fits the whole column.
types() { # types TYPE VALUE...: the column of these values is of this type
  local type=$1
  shift
  printf '%s\n' x "$@" >one.csv
  expect 0 import s.ufo one one.csv
  expect 0 info s.ufo 'one$x' --json
  shows "\"kind\": \"$type\""
}
types logical TRUE FALSE T F true false NA ''
types logical NA NA
types logical
types integer 1 -1 +5 0 2147483647 -2147483647 NA '' ' 7 '
types integer 1 '"2"' '""' '"NA"'
types double 1 2147483648
types double 1 -2147483648
types double 1 1.5 -.5 5. 1e5 1E-3 NaN Inf -Inf inf
types double 1 9007199254740991 -0
types character 1 9007199254740992
types character 1 9007199254740993
types character 1 007
types character 1 TRUE
types character TRUE 0
types character 0x10 1
types character 1e999 1
types character '""' NA
types character '"NA"' NA
types character 1 x
types character 1-2 1
types Date 2013-02-28 NA 2012-02-29 ' 0001-01-01 ' '"1969-12-31"' 9999-12-31
types character 2013-02-29
types character 2013-13-01
types character 2013-2-8
types character 2013-02-28 1
types character 2013-02-28 TRUE
types character 2013-02-28 x
types POSIXct 2013-02-28T05:15:00Z '2013-02-28 05:15' '2013-02-28 05:15:07.25' 2013-02-28T05:15:00+02:00 NA 2013-02-28
types character '2013-02-28 24:00'
types character '2013-02-28 05:15:60'
types character '2013-02-28 05:15:00 CET'
types character 2013-02-28T05
types character . 1
expect 0 import s.ufo one one.csv --na .
expect 0 get s.ufo one
output_is x NA 1

# Dates and times come out in ISO form, the latter in UTC.
printf 't,d\n2013-02-28T05:15:00+02:00,2013-02-28\n,\n1969-12-31 23:59:59.5,1900-03-01\n1600-02-29 12:00,1600-02-29\n' >dates.csv
expect 0 import s.ufo dates dates.csv
shows "4 rows, 2 columns (1 date, 1 time)"
expect 0 export s.ufo dates dates.out
same dates.out <(printf 't,d\n2013-02-28T03:15:00Z,2013-02-28\nNA,NA\n1969-12-31T23:59:59.5Z,1900-03-01\n1600-02-29T12:00:00Z,1600-02-29\n')

# Shapes.
printf 'a,b\n1,2\n\n\r\n3,4' >gaps.csv
expect 0 import s.ufo gaps gaps.csv
expect 0 get s.ufo gaps
output_is a,b 1,2 3,4
printf 'a\n1\n\n3\n' >one.csv
expect 0 import s.ufo one one.csv
expect 0 get s.ufo one
output_is a 1 NA 3
printf '1;x\n2;y, z\n' >semi.csv
expect 0 import s.ufo semi semi.csv --delim ';' --no-header
expect 0 get s.ufo semi
output_is V1,V2 1,x '2,"y, z"'
printf 'a\tb\n1\t2\n' >tab.csv
expect 0 import s.ufo tab tab.csv --delim tab
expect 0 get s.ufo tab
output_is a,b 1,2
printf 'a,b\n' >head.csv
expect 0 import s.ufo head head.csv
expect 0 get s.ufo head
output_is a,b
expect 0 ls -l s.ufo
shows "0 x 2"
perl -e 'print join(",", map { "c$_" } 1 .. 2000), "\n"; print join(",", $_ .. $_ + 1999), "\n" for 1 .. 3' >wide.csv
expect 0 import s.ufo wide wide.csv
expect 0 get s.ufo wide
same out wide.csv

# A vector and a factor as CSV.
integers 1 -2147483648 3 | "$UFOSTORE_BIN" put s.ufo v --type integer || failed put
expect 0 export s.ufo v v.csv
same v.csv <(printf 'v\n1\nNA\n3\n')
expect 1 export s.ufo v no/such/folder.csv
expect 1 export s.ufo nothing n.csv; says nothing
[ -z "$(find . -name '*.csv.*')" ] || failed "temporary files are left"

# UTF-16 with its mark, as spreadsheets write it, is the same table.
printf 'id;name\n1;Jos\303\251\n2;"\360\237\230\200;x"\n' >utf8.csv
expect 0 import s.ufo utf8 utf8.csv --delim ';'
expect 0 get s.ufo utf8
cp out utf8.out
for order in le be; do
  perl -e 'use Encode; local $/; binmode STDOUT; my $e = uc "utf-16$ARGV[0]"; print encode($e, "\x{FEFF}" . decode("UTF-8", <STDIN>))' $order <utf8.csv >utf16.csv
  expect 0 import s.ufo utf16 utf16.csv --delim ';'
  expect 0 get s.ufo utf16
  same out utf8.out
done

# What is refused, with the line, and nothing is stored of it.
refused() { # refused WORDS CONTENT
  printf "$2" >bad.csv
  expect 1 import s.ufo bad bad.csv
  says "$1"; says bad.csv
  expect 1 get s.ufo bad
}
refused "line 3: 3 fields where the header has 2" 'a,b\n1,2\n1,2,3\n'
printf 'a,b\n1,2\n"x\ny",2\n3\n' >bad.csv
expect 1 import s.ufo bad bad.csv; says "line 5: 1 field"
refused "line 2, field 2: a quote inside" 'a,b\n1,2"3\n'
refused "line 2, field 1: text after a closing quote" 'a,b\n"1"2,3\n'
refused "line 3, field 2: a quote is opened here" 'a,b\n1,2\n3,"4\n5,6\n'
refused "line 2, field 1: is not UTF-8" 'a,b\n\xe9,2\n'
refused "NUL" 'a,b\n\000,2\n'
refused "carriage return" 'a\r1\r'
refused "empty" ''
refused "empty" '\n\n'
expect 1 import new.ufo x bad.csv
[ ! -e new.ufo ] || failed "a refused file made a store"
expect 1 import s.ufo x missing.csv; says missing.csv
expect 1 import s.ufo x .
