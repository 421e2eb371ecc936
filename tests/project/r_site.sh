#!/bin/bash
# Every help page and vignette of the R package has its place on the web site, as pkgdown demands.
set -eu
cd "$UFOSTORE_SOURCE/bindings/r"
status=0
for page in man/*.Rd vignettes/*.Rmd; do
  name=$(basename "$page" | sed 's/[.]Rm*d$//')
  if ! grep -qE "^ *- $name\$" pkgdown/_pkgdown.yml; then
    echo "$page is missing in bindings/r/pkgdown/_pkgdown.yml"
    status=1
  fi
done
while read -r name; do
  if ! grep -qF "\\alias{$name}" man/*.Rd && [ ! -e "vignettes/$name.Rmd" ]; then
    echo "bindings/r/pkgdown/_pkgdown.yml names $name, of which there is neither a help page nor a vignette"
    status=1
  fi
done < <(sed -n 's/^  - //p' pkgdown/_pkgdown.yml)
exit $status
