# Completes @BINARY@ in bash.
@FUNCTION@() {
  local table='@TABLE@'
  local word=${COMP_WORDS[COMP_CWORD]} flag='' verb='' valued=' ' settings='*' values='' words='' profile=''
  local at this scope name value help bound=' ' free=''
  # An executable profile is also a command.
  [[ ${COMP_WORDS[0]##*/} != @BINARY@ ]] && profile=command
  # bash splits --flag=value into three words.
  [[ $word == = ]] && word=''
  while IFS=$'\t' read -r scope name value help; do
    [[ $name == --* && $value != - ]] && valued+="$name "
    [[ $scope == + ]] && bound+="$name "
  done <<<"$table"
  for ((at = 1; at < COMP_CWORD; at++)); do
    this=${COMP_WORDS[at]}
    [[ $this == --profile ]] && profile=${profile:-flag}
    # Such a flag cannot be used with a profile.
    [[ $bound == *" $this "* ]] && free=no
    if [[ $this == = ]]; then
      continue
    elif [[ -n $flag ]]; then
      flag=''
    elif [[ $valued == *" $this "* ]]; then
      flag=$this
    elif [[ -z $verb && $this != -* ]]; then
      verb=$this
    fi
  done
  while IFS=$'\t' read -r scope name value help; do
    if [[ -n $flag ]]; then
      [[ $name == "$flag" ]] && values=$value
    elif [[ $scope == . ]]; then
      [[ -z $verb && $word != -* ]] && words+=" $name"
      [[ $name == "$verb" ]] && settings=$value
    elif [[ $name == . ]]; then
      [[ $scope == "$verb" ]] && words+=" $value"
    elif [[ $word == -* && ($scope == "$verb" || $scope == "$settings") ]]; then
      [[ $name == --profile && -n $profile$free ]] || words+=" $name"
    elif [[ $word == -* && $scope == + && $settings == '*' && -z $profile ]]; then
      words+=" $name"
    fi
  done <<<"$table"
  [[ $word == -* ]] && words+=' --help'
  local IFS=$' \n'
  case $values in
    '<'*) ;;
    *) words+=" $values" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  if [[ $values == '<profile>' ]]; then
    # compgen -W would run commands in a file name.
    for this in ~/.config/secretref/*.toml; do
      this=${this##*/}
      this=${this%.toml}
      [[ $this != '*' && $this == "$word"* ]] && COMPREPLY+=("$this")
    done
  fi
  # A profile without a slash is a name.
  if [[ $values == '<file>' || $values == '<profile>' && $word == */* ]]; then
    IFS=$'\n'
    COMPREPLY+=($(compgen -f -- "$word"))
    compopt -o filenames 2>/dev/null
  fi
}
complete -F @FUNCTION@ @BINARY@
