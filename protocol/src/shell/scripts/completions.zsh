#compdef @BINARY@
# Completes @BINARY@ in zsh: from a folder of $fpath, or sourced after compinit.
@FUNCTION@() {
  local table='@TABLE@'
  local curcontext=$curcontext state line each help takes profile free
  local -a part verbs settings own
  local -A opt_args takers
  # An executable profile is also a command.
  [[ ${words[1]:t} != @BINARY@ ]] && profile=command
  [[ -n ${(M)words:#--profile(|=*)} ]] && profile=${profile:-flag}
  for each in ${(f)table}; do
    part=("${(@ps:\t:)each}")
    # Such a flag cannot be used with a profile.
    [[ $part[1] == + && -n ${(M)words:#$part[2](|=*)} ]] && free=no
  done
  settings=('(-h --help)'{-h,--help}'[Print help]')
  for each in ${(f)table}; do
    part=("${(@ps:\t:)each}")
    help="[${part[4]//(#m)[\]\[:]/\\$MATCH}]"
    case $part[3] in
      -) takes= ;;
      '<file>') takes=':file:_files' ;;
      '<profile>') takes=':profile:@FUNCTION@_profiles' ;;
      '<'*) takes=':text: ' ;;
      *) takes=":word:($part[3])" ;;
    esac
    case $part[1] in
      .) verbs+=("$part[2]:$part[4]"); takers[$part[2]]=$part[3] ;;
      '*') [[ $part[2] == --profile && ( $profile == command || -n $free ) ]] || settings+=("$part[2]${takes:+=}$help$takes") ;;
      +) [[ -n $profile ]] || settings+=("$part[2]${takes:+=}$help$takes") ;;
      $words[(R)$part[1]]) [[ $part[2] == . ]] && own+=("1$takes") || own+=("$part[2]$help") ;;
    esac
  done
  _arguments -C $settings '(-V --version)'{-V,--version}'[Print version]' '1: :->verb' '*:: :->rest'
  case $state in
    verb) _describe -t commands command verbs ;;
    rest)
      [[ $takers[$line[1]] == '*' ]] && own+=('*:id:{true}') || settings=($settings[1,2])
      _arguments $settings $own
      ;;
  esac
}
@FUNCTION@_profiles() {
  local -a names
  names=(~/.config/secretref/*.toml(N:t:r))
  compadd -a names
  # A profile without a slash is a name.
  [[ $PREFIX == */* ]] && _files
}
if [[ $funcstack[1] == (@FUNCTION@|_@BINARY@) ]]; then
  @FUNCTION@ "$@"
else
  compdef @FUNCTION@ @BINARY@
fi
