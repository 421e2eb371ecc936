# A file system without inodes for all that a new store needs: it is made whole, with its lock file, or nothing is left.
# On a tmpfs of few inodes, which only root can have.
set -u
: "${UFOSTORE_BIN:?the path of the ufostore binary}"
if [ "${1:-}" != inside ]; then
  [ "$(id -u)" = 0 ] || { echo "only root can mount a tmpfs"; exit 77; }
  unshare -m true 2>/dev/null || { echo "no mount namespace can be had here"; exit 77; }
  exec unshare -m bash "$0" inside
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/ufostore-inodes.XXXXXX") || exit 1
trap 'umount "$folder" 2>/dev/null; rmdir "$folder"' EXIT
made=0 refused=0
for inodes in 1 2 3 4 5 6; do # the folder itself takes one
  mount -t tmpfs -o "nr_inodes=$inodes" none "$folder" 2>/dev/null || { echo "no tmpfs can be mounted here"; exit 77; }
  message=$("$UFOSTORE_BIN" create "$folder/s.ufo" 2>&1)
  status=$?
  left=$(ls -A "$folder" | tr '\n' ' ')
  case "$status:$left" in
    "0:s.ufo s.ufo-lock ") made=$((made + 1)) ;;
    "1:") refused=$((refused + 1)) ;;
    *) echo "with $inodes inodes: status $status, and there is: $left($message)"; exit 1 ;;
  esac
  umount "$folder"
done
echo "$made made, $refused refused"
[ "$made" -ge 1 ] && [ "$refused" -ge 2 ]
