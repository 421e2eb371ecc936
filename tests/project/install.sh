#!/bin/bash
# Installs to a scratch folder, builds a program against both libraries through pkg-config, runs it, and uninstalls
# without a trace.
set -eu
case ${UFOSTORE_SANITIZE:-} in "") ;; *) echo "not with a sanitizer"; exit 77 ;; esac
work=$(mktemp -d)
manifest=$UFOSTORE_BUILD/install_manifest.txt
# The record of a real installation from this build folder must outlive the test.
if [ -e "$manifest" ]; then cp "$manifest" "$work/manifest"; fi
restore() {
  if [ -e "$work/manifest" ]; then cp "$work/manifest" "$manifest"; else rm -f "$manifest"; fi
  rm -rf "$work"
}
trap restore EXIT
cmake --install "$UFOSTORE_BUILD" --prefix "$work/prefix" >"$work/log"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name ufostore.pc)")
[ "$(pkg-config --modversion ufostore)" = 0.1.0 ]
libdir=$(dirname "$PKG_CONFIG_PATH")

cat >"$work/use.c" <<'C'
#include <stdio.h>
#include <string.h>
#include <ufostore/ufostore.h>
int main(void) {
  puts(ufo_version());
  return strcmp(ufo_version(), UFO_VERSION) != 0;
}
C
"$CC" "$work/use.c" -o "$work/shared" $(pkg-config --cflags --libs ufostore)
LD_LIBRARY_PATH=$libdir "$work/shared"
LD_LIBRARY_PATH=$libdir ldd "$work/shared" | grep -q libufostore.so.0
"$CC" "$work/use.c" -o "$work/static" -I"$work/prefix/include" "$libdir/libufostore.a" \
  $(pkg-config --static --libs-only-l ufostore | sed 's/-lufostore//') -pthread
"$work/static"
if [ -x "$UFOSTORE_BIN" ]; then "$work/prefix/bin/ufostore" --version; fi

cmake -P "$UFOSTORE_BUILD/uninstall.cmake" >>"$work/log"
left=$(find "$work/prefix" -name '*ufo*')
[ -z "$left" ] || { echo "left after uninstall: $left"; exit 1; }
