#!/bin/bash
# make.sh BUILD FOLDER: makes a golden set of the format's present version: by the library (tests/fault/golden.c, built in
# BUILD), by the R package (make.R, if R has the package) and by hand (edit.py), with its MANIFEST. See README.md.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) build=$1 folder=$2
"$build/tests/fault_golden" make "$folder"
LC_ALL=C.UTF-8 Rscript "$here/make.R" "$folder" >>"$folder/MANIFEST"
/usr/bin/python3 "$here/edit.py" staged "$folder/lists.ufo" "$folder/staged.ufo"
echo "# staged.ufo: lists.ufo, and chunks that two killed processes had staged (edit.py)" >>"$folder/MANIFEST"
sed -n 's/^lists\.ufo\t/staged.ufo\t/p' "$folder/MANIFEST" >"$folder/lines"
cat "$folder/lines" >>"$folder/MANIFEST"
rm -f "$folder/lines" "$folder"/*-lock
chmod 644 "$folder"/*
