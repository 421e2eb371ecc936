#!/bin/bash
# The shape of the tree: what may lie at the top, no unfinished work, no overlong files, no paths of one machine.
set -eu
cd "$UFOSTORE_SOURCE"
status=0
complain() { echo "$*"; status=1; }

# files PATH...: our files under these, not what building made.
files() {
  if git rev-parse --git-dir >/dev/null 2>&1; then
    git ls-files --cached --others --exclude-standard -- "$@"
  else
    find "$@" -type f -not -path './build*' -not -path '*/r/src/ufostore/*' -not -name '*.o' | sed 's|^\./||'
  fi
}

for entry in *; do
  case $entry in
  src | include | store-format | bindings | tests | tools | build | build-*) ;;
  CMakeLists.txt | CMakePresets.json | README.md | LICENSE | CONTRIBUTING.md | SECURITY.md) ;;
  *) complain "$entry does not belong at the top of the tree" ;;
  esac
done

for file in $(files src include tools bindings | grep -E '\.(c|h|R)$'); do
  [ -e "$file" ] || continue
  lines=$(wc -l <"$file")
  [ "$lines" -le 500 ] || complain "$file has $lines lines: one noun per file, 350 lines at most as a rule"
done

words='TO''DO|FIX''ME|X''XX|HA''CK'
if files src include tools bindings tests store-format | xargs -r -d '\n' grep -nIE "\b($words)\b" 2>/dev/null; then
  complain "unfinished work is named above"
fi
if files . | xargs -r -d '\n' grep -nIE '(^|[^A-Za-z0-9_.])/(work|home)/[a-z]' 2>/dev/null; then
  complain "paths of one machine are named above"
fi
for file in $(files tools tests .ci | grep -vE '\.(c|h|R|md|txt|supp|in|sh)$'); do
  if [ -f "$file" ] && head -c 2 "$file" | grep -q '#!' && [ ! -x "$file" ]; then complain "$file is not executable"; fi
done
exit $status
