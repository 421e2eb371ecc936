#!/bin/bash
# tests/fuzz/run.sh [NAME|all] [SECONDS]: builds the libFuzzer targets (preset "fuzz", clang) and runs one, or all of them
# one after another, for so many seconds each (60).
#
# New inputs collect in build/fuzz/corpus/NAME and are merged and minimised there after the run; what stops a target is
# kept in tests/fuzz/crashes/NAME. Each run ends with one line of figures, which also goes to build/fuzz/runs.log.
# With UFO_FUZZ_KEEP=1, the smallest inputs that reach more than the committed corpus are added to it (at most 4 KiB each,
# 40 KiB for a target).
# Exit status 1 if a target was stopped.
set -uo pipefail
fuzz=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$fuzz/../.." && pwd)
build=${UFOSTORE_BUILD_DIR:-$root/build}/fuzz
wanted=${1:-all} seconds=${2:-60}

(cd "$root" && cmake --preset fuzz -B "$build" >/dev/null && cmake --build "$build" -j "$(nproc)" --target fuzzers) >&2 || exit 2
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1:handle_abort=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export UBSAN_OPTIONS=print_stacktrace=1

# caps NAME: the limits of a target, beside those of all.
caps() {
  case $1 in
  api) echo -max_len=400 ;;
  hostile) echo -max_len=300 ;;
  args) echo -max_len=256 ;;
  chunk | csv | rserialize | attributes) echo -max_len=4096 ;;
  record) echo -max_len=1600 ;;
  *) echo -max_len=65536 ;;
  esac
  if [ -e "$fuzz/dictionaries/$1" ]; then echo "-dict=$fuzz/dictionaries/$1"; fi
}

merge() { # merge NAME OUT FROM...
  local name=$1 out=$2
  shift 2
  mkdir -p "$out"
  "$build/tests/fuzz_$name" -merge=1 -rss_limit_mb=2048 -timeout=10 "$out" "$@" >"$build/$name.merge.log" 2>&1
}

fuzz_one() {
  local name=$1 corpus=$build/corpus/$1 kept=$fuzz/corpus/$1 crashes=$fuzz/crashes/$1 log=$build/$1.log status
  mkdir -p "$corpus" "$kept" "$crashes"
  local began=$SECONDS
  # shellcheck disable=SC2046
  "$build/tests/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1 \
    -artifact_prefix="$crashes/" $(caps "$name") "$corpus" "$kept" >"$log" 2>&1
  status=$?
  rmdir --ignore-fail-on-non-empty "$crashes"
  if [ $status -eq 0 ]; then
    merge "$name" "$corpus.new" "$kept" "$corpus" && rm -rf "$corpus" && mv "$corpus.new" "$corpus"
  fi
  if [ "${UFO_FUZZ_KEEP:-0}" = 1 ] && [ $status -eq 0 ]; then
    merge "$name" "$kept" "$corpus"
    local bytes=0 file size
    while read -r size file; do # the largest are the first to go
      bytes=$((bytes + size))
      if [ "$size" -gt 4096 ] || [ $bytes -gt 40960 ]; then rm -f "$kept/$file"; fi
    done < <(cd "$kept" && find . -type f -name '[0-9a-f]*' -printf '%s %f\n' | grep -E ' [0-9a-f]{40}$' | sort -n)
  fi
  printf '%-12s %s  %s executions in %s s, %s edges and %s features covered, %s inputs\n' "$name" \
    "$([ $status -eq 0 ] && echo clean || echo "STOPPED (see $log)")" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)" "$((SECONDS - began))" \
    "$(grep -o 'cov: [0-9]*' "$log" | tail -1 | grep -o '[0-9]*')" \
    "$(grep -o 'ft: [0-9]*' "$log" | tail -1 | grep -o '[0-9]*')" \
    "$(find "$corpus" -type f | wc -l)" | tee -a "$build/runs.log"
  return $status
}

failed=0
for source in "$fuzz"/fuzz_*.c; do
  name=$(basename "$source" .c) name=${name#fuzz_}
  if [ "$wanted" = all ] || [ "$wanted" = "$name" ]; then fuzz_one "$name" || failed=1; fi
done
exit $failed
