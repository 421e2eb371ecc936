# Completion of ufostore for bash: commands, options, and the names in a store.
# The labels of the snapshots in a store: the last column of the listing, which begins where its heading does. Those
# with backslashes have control bytes and are left to be typed.
_ufostore_labels() {
  [ -f "$1" ] || return
  local labels
  labels=$("${COMP_WORDS[0]}" snapshot ls -- "$1" 2>/dev/null |
    awk 'NR == 1 { at = index($0, "label") } NR > 1 { print substr($0, at) }' | grep -vF '\')
  COMPREPLY=($(compgen -W "${labels//\$/\\\$}" -- "$word"))
}

_ufostore() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]-} options= IFS=$'\n'
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W $'create\nls\ninfo\nstat\nput\nget\nimport\nexport\nrm\nmv\nsnapshot\nverify\ncompact\nbench\n--help\n--version' -- "$word"))
    return
  fi
  case $command in
    ls) options=$'--long\n--json\n--snapshot' ;;
    info) options=$'--json\n--versions\n--snapshot' ;;
    stat | snapshot) options=--json ;;
    put) options=$'--type\n--chunk' ;;
    get) options=$'--range\n--as\n--version\n--snapshot' ;;
    export) options=--snapshot ;;
    verify) options=$'--json\n--preflight\n--salvage' ;;
    bench) options=$'--quick\n--json\n--list\n--folder\n--budget\n--runs' ;;
    import) options=$'--delim\n--no-header\n--na' ;;
  esac
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    --type) COMPREPLY=($(compgen -W $'logical\ninteger\ndouble\ncomplex\nraw\ncharacter' -- "$word")); return ;;
    --snapshot) _ufostore_labels "${COMP_WORDS[2]}"; return ;;
    --as) COMPREPLY=($(compgen -W $'text\nraw\ncsv' -- "$word")); return ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$options"$'\n--help' -- "$word")); return ;;
  esac
  if [ "$command" = bench ] && [ "${COMP_WORDS[COMP_CWORD - 1]}" != --folder ]; then
    COMPREPLY=($(compgen -W "$("${COMP_WORDS[0]}" bench --list 2>/dev/null | sed 's/ .*//')" -- "$word"))
    return
  fi
  if [ "$command" = snapshot ]; then
    case $COMP_CWORD in
      2) COMPREPLY=($(compgen -W $'create\nls\nrm' -- "$word")); return ;;
      4) [ "${COMP_WORDS[2]}" != rm ] || _ufostore_labels "${COMP_WORDS[3]}"; return ;;
      *) COMPREPLY=($(compgen -f -- "$word")); return ;;
    esac
  fi
  if [ "$COMP_CWORD" = 3 ] && [ -f "${COMP_WORDS[2]}" ]; then
    # Names with backslashes in the listing have control bytes and are left to be typed.
    local names
    names=$("${COMP_WORDS[0]}" ls -- "${COMP_WORDS[2]}" 2>/dev/null | grep -vF '\')
    COMPREPLY=($(compgen -W "${names//\$/\\\$}" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _ufostore ufostore
