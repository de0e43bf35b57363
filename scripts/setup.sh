#!/usr/bin/env bash
# Prepares this machine for previewd: a Docker daemon, the base images, and a
# .env with what was found. Every step may be repeated; a second run takes
# seconds.
#
#   scripts/setup.sh           what `make demo` and `make serve` need
#   scripts/setup.sh --test    the tools of the tests too
#   scripts/setup.sh --check   the tools of `make check` only
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

started=$SECONDS

# A clone has nothing but what git holds, so cargo and git are the two things
# that have to be there.
check_basics() {
  have git || die "git is missing" "install it from your distribution"
  have cargo || die "cargo is missing" "install Rust: https://www.rust-lang.org/tools/install"
}

# A bundle that the environment names for this machine's own programs is meant
# for the previews' installs too: a container does not see it by itself.
write_ca() {
  local variable bundle
  for variable in PREVIEW_EXTRA_CA_CERTS SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS PIP_CERT; do
    bundle=${!variable:-}
    [[ -n $bundle && -r $bundle ]] || continue
    env_add PREVIEW_EXTRA_CA_CERTS "$bundle"
    return 0
  done
}

case ${1:-} in
  '' | --test)
    check_basics
    step "Docker"
    "$ROOT/scripts/engine.sh" start
    "$ROOT/scripts/images.sh"
    write_ca
    if [[ ${1:-} == --test ]]; then "$ROOT/scripts/test-tools.sh" all; fi
    ;;
  --check)
    check_basics
    "$ROOT/scripts/test-tools.sh" check
    ;;
  *) die "usage: scripts/setup.sh [--test | --check]" ;;
esac
step "Set-up done in $((SECONDS - started)) s"
