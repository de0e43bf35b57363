#!/usr/bin/env bash
# The tools of `make check` and `make test`, which users of the service do not
# need. What can live in .cache/ does; only the browser and shellcheck come from
# the distribution.
#
#   scripts/test-tools.sh check   buf, shellcheck
#   scripts/test-tools.sh all     those, and Python packages, grpcurl, Chromium,
#                                 Docker Compose
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

VENV="$CACHE/venv"
BUF_VERSION=1
PYTHON_REQUIREMENTS="$ROOT/clients/python/requirements-dev.txt"

mkdir -p "$CACHE/bin"

# Installs packages of the distribution where we may; a missing tool skips the
# checks that need it, and is said.
optional_packages() {
  local what=$1
  shift
  if is_root && is_debian_like; then
    apt_install "$@" || warn "$what could not be installed; the checks that need it are skipped"
  else
    warn "$what is missing and only root on Debian or Ubuntu gets it by itself; install: $*"
  fi
}

node_tools() {
  if ! have npm; then
    optional_packages "Node with npm" nodejs npm
    have npm || return 0
  fi
  if [[ ! -x $CACHE/node/node_modules/.bin/buf ]]; then
    step "buf, for the lint of the protocol"
    mkdir -p "$CACHE/node"
    run_logged npm-buf npm install --no-audit --no-fund --prefix "$CACHE/node" "@bufbuild/buf@$BUF_VERSION" || return 0
  fi
  ln -sf ../node/node_modules/.bin/buf "$CACHE/bin/buf"
}

python_venv() {
  local wanted
  [[ -f $PYTHON_REQUIREMENTS ]] || return 0
  wanted=$(sha256sum <"$PYTHON_REQUIREMENTS")
  [[ -x $VENV/bin/pytest && $(cat "$VENV/.requirements" 2>/dev/null) == "$wanted" ]] && return 0
  step "Python packages, in .cache/venv"
  have python3 || optional_packages Python python3 python3-venv
  if ! python3 -m venv --clear "$VENV" >/dev/null 2>&1; then
    # Debian has the part that venv needs in a package of its own.
    optional_packages "Python's venv" python3-venv
    python3 -m venv --clear "$VENV" || die "no Python environment could be made in $VENV"
  fi
  run_logged pip-install "$VENV/bin/pip" install --disable-pip-version-check --quiet --requirement "$PYTHON_REQUIREMENTS" ||
    die "the Python packages of the tests could not be installed"
  printf '%s\n' "$wanted" >"$VENV/.requirements"
}

get_grpcurl() {
  have grpcurl && return 0
  if ! have go; then
    note "no Go here: the tests that use grpcurl are skipped"
    return 0
  fi
  step "grpcurl"
  GOBIN="$CACHE/bin" run_logged go-install-grpcurl go install github.com/fullstorydev/grpcurl/cmd/grpcurl@latest || warn "grpcurl could not be installed"
}

get_browser() {
  have chromium && have chromedriver && return 0
  step "Chromium, for the browser tests"
  optional_packages Chromium chromium chromium-driver
}

# The client may have no compose plugin; Debian trixie's works with every
# daemon that previewd supports. It is linked where the client looks, so that
# `docker compose` works, unless something is there.
get_compose() {
  docker compose version >/dev/null 2>&1 && return 0
  local plugins=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins unpacked="$CACHE/trixie-compose" found
  if ! is_debian_like; then
    warn "docker compose is missing; the test of docker-compose.yml is skipped"
    return 0
  fi
  step "Docker Compose, from Debian trixie"
  apt_install debian-archive-keyring
  "$ROOT/scripts/trixie.sh" unpack "$unpacked" docker-compose || {
    warn "docker compose could not be had; the test of docker-compose.yml is skipped"
    return 0
  }
  found=$(find "$unpacked" -type f -name docker-compose -perm -u+x | head -n 1)
  [[ -n $found ]] || die "the docker-compose package has no docker-compose in it"
  mkdir -p "$plugins"
  if [[ ! -e $plugins/docker-compose ]]; then
    ln -sfn "$found" "$plugins/docker-compose"
    note "linked as $plugins/docker-compose"
  fi
}

case ${1:-} in
  check)
    node_tools
    have shellcheck || optional_packages shellcheck shellcheck
    ;;
  all)
    node_tools
    have shellcheck || optional_packages shellcheck shellcheck
    python_venv
    get_grpcurl
    get_browser
    get_compose
    ;;
  *) die "usage: scripts/test-tools.sh check|all" ;;
esac
