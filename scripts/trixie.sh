#!/usr/bin/env bash
# Packages of Debian trixie, unpacked into a folder and not installed.
#
#   scripts/trixie.sh unpack FOLDER PACKAGE...
#
# apt gets a source list and a state of its own, so that the machine's own
# sources stay as they are.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITE=trixie
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

unpack() {
  local folder=$1 mirror apt_root package
  shift
  mirror=$(debian_mirror) || die "no Debian mirror is known" "set PREVIEW_DEBIAN_MIRROR to the address of one"
  apt_root="$CACHE/apt-$SUITE"
  mkdir -p "$apt_root"/{lists/partial,archives/partial,debs} "$folder"
  echo "deb [signed-by=$KEYRING] $mirror $SUITE main" >"$apt_root/sources.list"
  # apt drops to a user of its own for downloads, who need not be able to read
  # this folder: do without.
  local -a options=(
    -o "Dir::Etc::sourcelist=$apt_root/sources.list" -o Dir::Etc::sourceparts=- -o Dir::Etc::preferencesparts=-
    -o "Dir::State::lists=$apt_root/lists" -o "Dir::Cache=$apt_root" -o "Dir::State::status=/dev/null"
    -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3
  )
  run_logged "apt-update-$SUITE" apt-get "${options[@]}" update
  (
    cd "$apt_root/debs"
    run_logged "apt-download-$SUITE" apt-get "${options[@]}" download "$@"
  )
  for package in "$@"; do
    for deb in "$apt_root/debs/${package}"_*.deb; do dpkg -x "$deb" "$folder"; done
  done
  rm -rf "$apt_root/debs"
}

case ${1:-} in
  unpack) [[ $# -ge 3 ]] || die "usage: scripts/trixie.sh unpack FOLDER PACKAGE..."
    shift
    unpack "$@" ;;
  *) die "usage: scripts/trixie.sh unpack FOLDER PACKAGE..." ;;
esac
