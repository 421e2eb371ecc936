#!/bin/bash
# planted.sh BUILD [BUG]: does the suite see the bugs that are planted on purpose (src/util/plant.h)? BUILD was configured
# with -DUFO_PLANTS=ON (preset planted). Each named test must pass without its bug and fail with it.
set -u
build=$1 only=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
caught=0 missed=0
while read -r bug test promise; do
  case $bug in '' | \#*) continue ;; esac
  if [ -n "$only" ] && [ "$only" != "$bug" ]; then continue; fi
  run() { ctest --test-dir "$build" -R "^$test\$" --no-tests=error --timeout 100 >"$build/planted.log" 2>&1; }
  if ! run; then
    echo "FAIL    $bug: $test fails without it"
    tail -n 30 "$build/planted.log"
    missed=$((missed + 1))
  elif UFO_PLANT=$bug run; then
    echo "MISSED  $bug: $test passes with it ($promise)"
    missed=$((missed + 1))
  elif grep -q '(Skipped)\|Not Run' "$build/planted.log"; then
    echo "SKIPPED $bug: $test cannot run here"
  else
    echo "caught  $bug by $test ($promise)"
    caught=$((caught + 1))
  fi
done <"$here/bugs.txt"
echo "$caught caught, $missed missed"
if [ -n "${UFO_TALLY:-}" ]; then printf '%s\tplanted bugs caught\n' "$caught" >>"$UFO_TALLY"; fi
[ $missed -eq 0 ] && [ $caught -gt 0 ]
