# Completion of ufostore for bash: commands, options, and the names in a store.
_ufostore() {
  local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]-} options= IFS=$'\n'
  if [ "$COMP_CWORD" = 1 ]; then
    COMPREPLY=($(compgen -W $'create\nls\ninfo\nstat\nput\nget\nimport\nexport\nrm\nmv\nverify\ncompact\n--help\n--version' -- "$word"))
    return
  fi
  case $command in
    ls) options=$'--long\n--json' ;;
    info | stat) options=--json ;;
    put) options=$'--type\n--chunk' ;;
    get) options=$'--range\n--as\n--version' ;;
    verify) options=--salvage ;;
    import) options=$'--delim\n--no-header\n--na' ;;
  esac
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    --type) COMPREPLY=($(compgen -W $'logical\ninteger\ndouble\ncomplex\nraw' -- "$word")); return ;;
    --as) COMPREPLY=($(compgen -W $'text\nraw\ncsv' -- "$word")); return ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$options"$'\n--help' -- "$word")); return ;;
  esac
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
