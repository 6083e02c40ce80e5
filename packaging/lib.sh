# What the scripts of this folder share. Each sources it, and is then in the folder of the repository.
# shellcheck shell=bash disable=SC2034
set -euo pipefail
umask 022
export LC_ALL=C
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Where packages are made, and what goes into them.
out=${SECRETREF_OUT:-$PWD/target/packages}
version=${SECRETREF_VERSION:-$(sed -n '/^version = "\(.*\)"$/ { s//\1/p; q }' Cargo.toml)}
repository=$(sed -n 's/^repository = "\(.*\)"$/\1/p' Cargo.toml)
# The time in every package is that of the commit, so that a second build has the same bytes.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 315532800)}
export SOURCE_DATE_EPOCH

fail() {
  echo "$*" >&2
  exit 1
}

# Prints the stores: the folders of resolvers/ that have a program, or those that SECRETREF_STORES names.
stores() {
  local folder
  # shellcheck disable=SC2086
  [[ -z ${SECRETREF_STORES:-} ]] || { printf '%s\n' $SECRETREF_STORES && return; }
  for folder in resolvers/*/; do
    [[ ! -f $folder/Cargo.toml || ! -f $folder/src/main.rs ]] || basename "$folder"
  done
}

# Prints the path of a resolver's release build: in SECRETREF_BIN if that is set, else built here.
binary() {
  if [[ -z ${SECRETREF_BIN:-} ]]; then
    # One by one: a build of the whole workspace would unify their features.
    cargo build --quiet --locked --release -p "secretref-$1" >&2
  fi
  local built=${CARGO_TARGET_DIR:-target}${CARGO_BUILD_TARGET:+/$CARGO_BUILD_TARGET}/release
  echo "${SECRETREF_BIN:-$built}/secretref-$1"
}

# Prints the path of a tool for cargo, such as cargo-deb 3.8.0, and installs it into target/ first if it is missing.
tool() {
  grep -qF "\"$1 $2 " target/tools/.crates.toml 2> /dev/null ||
    cargo install --quiet --locked --force --root target/tools "$1@$2" >&2
  echo "$PWD/target/tools/bin/$1"
}

# Puts values into a template on stdin: NAME VALUE replaces @NAME@, as often as there are pairs.
fill() {
  local text
  text=$(cat)
  while [[ $# -gt 0 ]]; do
    text=${text//"@$1@"/"$2"}
    shift 2
  done
  printf '%s\n' "$text"
}

# Prints the commands of a page: block PAGE HEADING NUMBER is the block of that number below the heading.
block() {
  awk -v title="$2" -v number="$3" '
    /^```/ { is_code = !is_code; if (is_code && /^```sh$/ && is_below) count++; next }
    !is_code && /^#/ { sub(/^#+ /, ""); is_below = $0 == title; next }
    is_code && is_below && count == number
  ' "$1"
}
