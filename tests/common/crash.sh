# Sourced by the scripts that use the torture program: where it is, and a scratch folder.
. "$UFOSTORE_SOURCE/tests/common/tally.sh"
torture=$UFOSTORE_BUILD/tests/crash_torture
if [ ! -x "$torture" ]; then echo "no $torture"; exit 1; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
