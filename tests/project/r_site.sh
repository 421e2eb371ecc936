#!/bin/bash
# Every help page of the R package has its place on the web site, as pkgdown demands.
set -eu
cd "$UFOSTORE_SOURCE/bindings/r"
status=0
for page in man/*.Rd; do
  name=$(basename "$page" .Rd)
  if ! grep -qE "^ *- $name\$" pkgdown/_pkgdown.yml; then
    echo "$page is missing in bindings/r/pkgdown/_pkgdown.yml"
    status=1
  fi
done
while read -r name; do
  if ! grep -qF "\\alias{$name}" man/*.Rd; then
    echo "bindings/r/pkgdown/_pkgdown.yml names $name, of which there is no help page"
    status=1
  fi
done < <(sed -n 's/^  - //p' pkgdown/_pkgdown.yml)
exit $status
