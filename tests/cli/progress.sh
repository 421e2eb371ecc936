# A progress bar appears on a terminal, and only for work of more than a second; never elsewhere.
. "$(dirname "$0")/lib.bash"
command -v script >/dev/null 2>&1 || exit 77
script -qec true /dev/null </dev/null >/dev/null 2>&1 || exit 77 # no pseudo-terminals here (a chroot without /dev/pts)

cat >slow.sh <<'END'
for i in 1 2 3 4; do head -c 1000000 /dev/zero; sleep 0.5; done | "$UFOSTORE_BIN" put s.ufo z --type raw
END
cat >quick.sh <<'END'
head -c 1000000 /dev/zero | "$UFOSTORE_BIN" put s.ufo z --type raw
END
last="put on a terminal, slowly"
script -qec "bash slow.sh" slow.log </dev/null >/dev/null || failed "script"
grep -aq 'put .*MiB/s' slow.log || failed "no progress bar"
tail -n 2 slow.log | grep -aq $'\r\033\\[K' || failed "the bar was not erased"
last="put on a terminal, quickly"
script -qec "bash quick.sh" quick.log </dev/null >/dev/null || failed "script"
! grep -aq 'MiB/s' quick.log || failed "a progress bar for a moment's work"
last="put without a terminal"
bash slow.sh >out 2>err || failed "put"
[ ! -s err ] || failed "output without a terminal"
[ ! -s out ] || failed "output without a terminal"
exit 0
