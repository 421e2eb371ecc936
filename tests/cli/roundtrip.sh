# What was put comes out again, byte for byte and as text, for each type, over several chunks and at their borders.
. "$(dirname "$0")/lib.bash"

na=-2147483648
# Three chunks of 65536 bytes and a bit, with special values at the start, at chunk borders and at the end.
perl -e '
  sub out { my ($file, $data) = @_; open my $f, ">:raw", $file or die; print $f $data; close $f or die }
  my @i = map { $_ * 7919 - 1e6 } 0 .. 50000;
  @i[0, 16383, 16384, 32767, 32768, 50000] = (-2147483648, -2147483648, 2147483647, -2147483647, 0, -2147483648);
  out("integer", pack("l<*", @i));
  out("logical", pack("l<*", map { (1, 0, -2147483648)[$_ % 3] } 0 .. 50000));
  my $na = pack("Q<", 0x7FF00000000007A2);
  my @d = map { pack("d<", ($_ - 7) / 3) } 0 .. 25000;
  @d[0, 1, 2, 3, 4, 8191, 8192, 16383, 16384, 25000] = ($na, pack("Q<", 0x7FF8000000000000), pack("Q<", 0x7FF0000000000000),
    pack("Q<", 0xFFF0000000000000), pack("Q<", 0x8000000000000000), $na, pack("d<", 0.1), pack("d<", 1e300), pack("d<", 5e-324), $na);
  out("double", join "", @d);
  out("complex", join "", @d[0 .. 24999]);
  srand 1;
  out("raw", join "", map { chr int rand 256 } 0 .. 199999);
'
for type in integer logical double complex raw; do
  expect 0 put s.ufo "$type" --type "$type" "$type"
  expect 0 put s.ufo "$type in" --type "$type" --chunk 4KiB - <"$type"
  expect 0 get s.ufo "$type" --as raw
  same out "$type"
  expect 0 get s.ufo "$type in" --as raw
  same out "$type"
done
expect 0 verify s.ufo

# The same through pipes on both sides.
"$UFOSTORE_BIN" get s.ufo double --as raw | (sleep 0.1; cat) | "$UFOSTORE_BIN" put s.ufo piped --type double ||
  failed "a pipe from get to put"
expect 0 get s.ufo piped --as raw
same out double

# As text.
expect 0 get s.ufo double --range :6
output_is NA NaN Inf -Inf -0 -0.6666666666666666
expect 0 get s.ufo double --range 8190:8194
output_is 2727.6666666666665 NA 0.1 2728.6666666666665
expect 0 get s.ufo double --range=16383:16385
output_is 1e+300 5e-324
# A range past the end is refused, however far past.
for range in 0:50002 50002:50002 50002: 0:18446744073709551614 0:18446744073709551615 :18446744073709551615 \
  18446744073709551615:18446744073709551615 18446744073709551615:; do
  for form in text raw csv; do
    expect 1 get s.ufo integer --range $range --as $form
    says "outside its 50001 elements"
  done
done

# No more digits than give the number back: subnormal numbers need fewer, the smallest normal one needs 17.
small="5e-324 -1e-323 1e-310 -1.2345e-315 2.2250738585072e-308 2.2250738585072014e-308 3e-308 1e-307"
doubles $small >small
expect 0 put s.ufo small --type double small
expect 0 get s.ufo small
output_is $small
cp out small.txt
(echo small; cat small.txt) >small.csv
expect 0 import s.ufo frame small.csv
expect 0 get s.ufo 'frame$small' --as raw
same out small
expect 0 get s.ufo double --range 25000:
output_is NA
expect 0 get s.ufo integer --range 16382:16386
output_is 128729058 NA 2147483647 128752815
expect 0 get s.ufo integer --range 32766:32769
output_is 258473954 -2147483647 0
expect 0 get s.ufo logical --range :4
output_is TRUE FALSE NA TRUE
expect 0 get s.ufo complex --range 1:3
output_is Inf-Infi -0-0.6666666666666666i
expect 0 get s.ufo complex --range 0:1
output_is NA
perl -e 'local $/; $_ = <>; printf "%02x\n", ord for split //' raw >raw.txt
expect 0 get s.ufo raw
same out raw.txt

# Ranges at chunk borders, as bytes.
for range in 0:1 16383:16385 16384:32768 32767:32769 49999:50001 0:50001 7:7 50001:50001; do
  expect 0 get s.ufo integer --as raw --range "$range"
  tail -c +$((${range%:*} * 4 + 1)) integer | head -c $(((${range#*:} - ${range%:*}) * 4)) >wanted
  same out wanted
done
expect 1 get s.ufo integer --range 0:50002; says "outside its 50001 elements"; says integer; says s.ufo
expect 1 get s.ufo integer --range 50002:
expect 1 get s.ufo integer --as raw --range 50002:
expect 1 get s.ufo integer --as csv --range 60000:

# The same where the tool reads in several blocks of its own, which are 256 KiB.
perl -e 'print pack("l<*", map { $_ * 3 } 0 .. 299999)' >long
expect 0 put s.ufo long --type integer long
for range in 0:300000 65535:65537 65536:131072 65537:200001 131071:300000 199999:200000; do
  expect 0 get s.ufo long --as raw --range "$range"
  tail -c +$((${range%:*} * 4 + 1)) long | head -c $(((${range#*:} - ${range%:*}) * 4)) >wanted
  same out wanted
  expect 0 get s.ufo long --range "$range"
  seq $((${range%:*} * 3)) 3 $(((${range#*:} - 1) * 3)) >wanted
  same out wanted
done

# The fewest digits that give the same double back.
doubles 0.1 0.30000000000000004 100000 1e15 123456789012345 1e22 1e-5 2.5 1e100 8786.21 >d
expect 0 put s.ufo d --type double d
expect 0 get s.ufo d
output_is 0.1 0.30000000000000004 100000 1e+15 123456789012345 1e+22 1e-05 2.5 1e+100 8786.21
expect 0 get s.ufo d --as csv --range 1:3
output_is d 0.30000000000000004 100000

# Nothing at all is something too.
expect 0 put s.ufo empty --type double /dev/null
expect 0 get s.ufo empty
[ ! -s out ] || failed "output from an empty vector"
expect 0 get s.ufo empty --range 0:0
expect 1 get s.ufo empty --range 0:1

# A length that is not whole elements stores nothing, and leaves what was there.
head -c 13 double >odd
expect 1 put s.ufo d --type double odd; says "whole elements"
expect 0 get s.ufo d --range 0:1
output_is 0.1
head -c 13 double | "$UFOSTORE_BIN" put s.ufo odd --type double >out 2>err
status=$?
[ "$status" = 1 ] || failed "an odd length from a pipe"
expect 1 get s.ufo odd; says odd
expect 1 put new.ufo odd --type double odd
[ ! -e new.ufo ] || failed "a refused file made a store"
expect 1 put s.ufo d --type double no-such-file; says no-such-file
expect 1 put s.ufo d --type double .; says directory

# A second put replaces, and counts versions on or anew; what was before is gone.
integers 1 2 3 | "$UFOSTORE_BIN" put s.ufo d --type integer || failed "replacing"
expect 0 get s.ufo d
output_is 1 2 3
expect 1 get s.ufo d --version 4711; says d
expect 0 get s.ufo d --version 1
output_is 1 2 3
