#!/bin/bash
# The programs in README.md are what they say: the C block is compiled against the library of this build and run, the R
# block is run with the installed package. Exit status 77 if there is no R package here and the C block is right.
set -eu
readme=$UFOSTORE_SOURCE/README.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# block LANGUAGE: the text of all blocks of that language.
block() { awk -v fence="\`\`\`$1" '$0 == fence { inside = 1; next } /^```/ { inside = 0 } inside' "$readme"; }

block c >"$work/program.c"
block r >"$work/program.R"
[ -s "$work/program.c" ] && [ -s "$work/program.R" ] || { echo "README.md has lost its programs"; exit 1; }

sanitize=${UFOSTORE_SANITIZE:+-fsanitize=$UFOSTORE_SANITIZE}
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror $sanitize "$work/program.c" -o "$work/program" \
  -I"$UFOSTORE_SOURCE/include" -L"$UFOSTORE_BUILD" -lufostore
export LD_LIBRARY_PATH=$UFOSTORE_BUILD${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
output=$(cd "$work" && timeout 60 ./program)
[ "$output" = 499500 ] || { echo "the C program printed: $output"; exit 1; }
output=$(cd "$work" && timeout 60 ./program other.ufo && timeout 60 ./program other.ufo)
[ "$output" = $'499500\n499500' ] || { echo "with a path it printed: $output"; exit 1; }

if [ -x "${UFOSTORE_BIN:-}" ]; then # the command line sees what the program stored
  "$UFOSTORE_BIN" ls -l "$work/other.ufo" | grep -q ramp
fi

if ! command -v Rscript >/dev/null || ! Rscript -e 'quit(status = !requireNamespace("ufostore", quietly = TRUE))' \
  >/dev/null 2>&1; then
  echo "the C program is right; the R package is not installed, so the R program was not run"
  exit 77
fi
# What the comments beside the lines say, checked after them, before the store is closed.
grep -v '^ufo_close' "$work/program.R" >"$work/checked.R"
cat >>"$work/checked.R" <<'R'
stopifnot(identical(s$fare[], c(99, 0, 7.25)), identical(ufo_get(s, "fare", version = 2)[], c(3.5, 0, 7.25)),
          identical(s$n[], 150L), isTRUE(s$done[]),
          isTRUE(all.equal(s$iris, rbind(iris, iris[1:10, ]), check.attributes = FALSE)), nrow(s$iris) == 160, length(s$big) == 1e10, s$big[5e9] == 1,
          s$big[1] == 0, s$big[1e10] == 0, identical(utils::read.delim(file.path(tempdir(), "air.tsv")), airquality),
          isTRUE(all.equal(s$air, airquality)))
ufo_close(s)
R
(cd "$work" && timeout 120 Rscript checked.R >out 2>&1) || { cat "$work/out"; exit 1; }
(cd "$work" && timeout 120 Rscript program.R >out 2>&1) || { cat "$work/out"; exit 1; }
