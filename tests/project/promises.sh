#!/bin/bash
# What the promises refer to is there: every link of PROMISES.md, FORMAT.md and SECURITY.md, every promise has a test.
set -eu
cd "$UFOSTORE_SOURCE"
status=0
links() { grep -o '](\([^)#]*\))' "$1" | sed 's/^](//; s/)$//' | grep -v '^http'; }
for document in store-format/PROMISES.md store-format/FORMAT.md SECURITY.md; do
  for link in $(links "$document" || true); do
    [ -e "$(dirname "$document")/$link" ] || { echo "$document: no $link"; status=1; }
  done
done
# Each numbered promise is followed by a line of tests before the next begins.
awk '/^\*\*[0-9]/ { if (open) { print "no test for " open; bad = 1 } open = $1 } /^Tests: \[/ { open = "" }
  END { if (open) { print "no test for " open; bad = 1 } exit bad }' store-format/PROMISES.md || status=1
exit $status
