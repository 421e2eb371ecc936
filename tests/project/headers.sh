#!/bin/bash
# Each public header compiles by itself, as strict C11 and, where there is a C++ compiler, as C++.
set -eu
cd "$UFOSTORE_SOURCE/include"
for header in ufostore/*.h; do
  echo "#include <$header>" | "$CC" -std=c11 -Wall -Wextra -Wpedantic -Wundef -Werror -I. -x c -fsyntax-only -
  if command -v c++ >/dev/null; then
    echo "#include <$header>" | c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I. -x c++ -fsyntax-only -
  fi
  echo "$header"
done
# Internal headers too: each includes what it needs.
cd "$UFOSTORE_SOURCE/src"
for header in */*.h; do
  echo "#include \"$header\"" |
    "$CC" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-function -I. -I../include -x c -fsyntax-only -
done
