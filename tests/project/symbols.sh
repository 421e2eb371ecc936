#!/bin/bash
# The shared library exports exactly the names that include/ declares with UFO_API, and carries its soname.
set -eu
library=$UFOSTORE_BUILD/libufostore.so

# Comments away, one line per declaration; the name is what stands before the first parenthesis.
cat "$UFOSTORE_SOURCE"/include/ufostore/*.h |
  perl -0pe 's{/\*.*?\*/}{}gs; s{^\s*#.*(\\\n.*)*$}{}gm' | tr '\n' ' ' | tr ';' '\n' |
  sed -n 's/^.*UFO_API \([^(]*\)(.*/\1/p' | grep -o 'ufo_[a-z0-9_]*$' | sort -u >declared.txt
nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | grep -v '^__' | sort -u >exported.txt

[ -s declared.txt ] || { echo "found no declaration in include/"; exit 1; }
status=0
if extra=$(comm -13 declared.txt exported.txt | grep .); then
  echo "exported, but not declared in include/:" $extra
  status=1
fi
if missing=$(comm -23 declared.txt exported.txt | grep .); then
  echo "declared in include/, but not exported:" $missing
  status=1
fi
soname=$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')
[ "$soname" = libufostore.so.0 ] || { echo "soname is '$soname'"; status=1; }
echo "$(wc -l <declared.txt) declared, $(wc -l <exported.txt) exported, soname $soname"
exit $status
