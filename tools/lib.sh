# lib.sh - what tools/test and tools/quickstart share. Sourced by bash; sets root, build, jobs and colours.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${UFOSTORE_BUILD_DIR:-build}
case $build in /*) ;; *) build=$root/$build ;; esac
jobs=$(nproc 2>/dev/null || echo 2)
mkdir -p "$build"

bold='' dim='' red='' green='' yellow='' plain=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
fi

# configure PRESET [OPTION...]: a build folder that was configured for another path or compiler is made anew.
configure() {
  local preset=$1 folder=$build/${UFO_FOLDER:-$1} fresh=()
  shift
  if [ -e "$folder/CMakeCache.txt" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$folder/CMakeCache.txt"; then
    fresh=(--fresh)
  fi
  (cd "$root" && cmake "${fresh[@]}" --preset "$preset" -B "$folder" "$@")
}

# r_tarball FOLDER [OPTION...]: builds the R package's source tarball, the C library inside, and prints its path. Works on a
# copy, so that the checkout stays as it is. Its vignettes are left out where what builds them is missing, and by the
# option --no-build-vignettes, which saves the time of one more compilation.
r_tarball() {
  local copy=$1/source
  rm -rf "$copy" "$1"/ufostore_*.tar.gz
  mkdir -p "$copy" || return 1
  cp -R "$root/include" "$root/src" "$root/bindings" "$copy/" || return 1
  find "$copy" \( -name '*.o' -o -name '*.so' \) -delete
  if ! r_has knitr markdown; then
    rm -rf "$copy/bindings/r/vignettes"
    sed -i '/^VignetteBuilder/d' "$copy/bindings/r/DESCRIPTION"
  fi
  (cd "$1" && MAKEFLAGS=-j$(nproc) R CMD build --no-manual "${@:2}" "$copy/bindings/r" >&2) || return 1
  rm -rf "$copy"
  ls "$1"/ufostore_*.tar.gz
}

# r_has PACKAGE...: are these R packages installed?
r_has() {
  Rscript --vanilla -e 'quit(status = !all(commandArgs(TRUE) %in% rownames(installed.packages())))' "$@" >/dev/null 2>&1
}

# r_check FOLDER [OPTION...]: R CMD check on the tarball in it. As CRAN would, without the parts that need the network or a TeX system:
#   _R_CHECK_CRAN_INCOMING_          compares with CRAN's archive over the network
#   _R_CHECK_SYSTEM_CLOCK_           asks a time server
#   --no-manual                      the PDF manual needs LaTeX; the Rd files are checked all the same
#   _R_CHECK_RD_VALIDATE_RD2HTML_    needs HTML Tidy, which is not on every machine
#   R_QPDF                           is to shrink PDF files, of which there are none: any command will do
#   _R_CHECK_FORCE_SUGGESTS_         is off only where a package that we only want (tools/setup) could not be had: a note
r_check() {
  local force=true expected='OK'
  if ! r_has bigmemory bit64 data.table dplyr ff future ggplot2 knitr markdown matrixStats tibble; then force=false expected='1 NOTE'; fi
  # What the package makes use of and Debian does not have is a note, too.
  if ! r_has arrow fst nanoparquet; then expected='1 NOTE'; fi
  (cd "$1" && timeout 1200 env _R_CHECK_FORCE_SUGGESTS_=$force R_QPDF=true _R_CHECK_CRAN_INCOMING_=false \
    _R_CHECK_SYSTEM_CLOCK_=false _R_CHECK_RD_VALIDATE_RD2HTML_=false R CMD check --as-cran --no-manual "${@:2}" ufostore_*.tar.gz) || {
    tail -n 40 "$1"/ufostore.Rcheck/{00install.out,tests/*.fail} 2>/dev/null
    return 1
  }
  # Newer versions of R say so without a note.
  if grep -q '^Status: OK' "$1/ufostore.Rcheck/00check.log"; then return; fi
  # Notes are to be mended or explained here, not collected.
  if [ "$expected" != OK ]; then
    grep -q '^\* checking package dependencies ... \(NOTE\|INFO\)' "$1/ufostore.Rcheck/00check.log" || return 1
  fi
  grep -q "^Status: $expected" "$1/ufostore.Rcheck/00check.log"
}

# r_calls LIST: a header, to standard output, after which every call of an R function in LIST ends the process if it is not
# made by R's thread, which is the first of the process. Variables of R are not in its way: they are not called.
r_calls() {
  cat <<'HEADER'
#include <R_ext/Altrep.h>
#include <R_ext/Memory.h>
#include <R_ext/Rallocators.h>
#include <R_ext/Rdynload.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
static inline void ufor_on_r_thread(const char *name) {
  if (syscall(SYS_gettid) == getpid()) return;
  fprintf(stderr, "ufostore: %s called by a thread that is not R's\n", name);
  abort();
}
HEADER
  sed -n 's/^\([A-Za-z_0-9]*\).*/\1/p' "$1" | sort -u | awk 'NF {
    printf "#undef %s\n#define %s(...) (ufor_on_r_thread(\"%s\"), (%s)(__VA_ARGS__))\n", $1, $1, $1, $1 }'
}

seconds_since() { awk -v a="$1" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f", b - a }'; }
