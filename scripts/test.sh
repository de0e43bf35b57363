#!/usr/bin/env bash
# Runs every test. With ENGINES=all the end-to-end tests run a second time, on
# Docker 26, but for those of frameworks. With --timed only those that print the README's figures run.
#
# The end-to-end tests find the service's binary through PREVIEWD_BIN, the daemon
# through DOCKER_HOST, and the images through .env. They use the release build:
# it is what people run, and what the printed figures are of.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

case ${ENGINES:-} in
  '' | default | all) ;;
  *) die "ENGINES is '$ENGINES'; it may be all, or not be set" ;;
esac

PREVIEWD_BIN=$(release_binary)
export PREVIEWD_BIN

# Prints what previewd has made on the daemon and should not leave: everything
# that carries its label but the caches, which are the volume with the agent,
# those with downloads and the images of installed dependencies.
ours() {
  docker ps --all --filter label=previewd.role --format 'container {{.Names}}'
  docker network ls --filter label=previewd.role --format 'network {{.Name}}'
  docker volume ls --filter label=previewd.role --format '{{.Label "previewd.role"}} volume {{.Name}}' | sed -E '/^(runtime|cache) /d'
  for role in build install preview runtime; do
    docker images --filter label=previewd.role=$role --format 'image {{.Repository}}:{{.Tag}} {{.ID}}'
  done
}

# How many files of the end-to-end tests run side by side: they wait more than
# they work.
WORKERS=4

pytest() { "$CACHE/venv/bin/python" -m pytest "$@"; }

client_tests() {
  step "pytest clients/python, on Docker $(daemon_version)"
  # A process of its own, as both folders have a conftest.
  pytest clients/python/tests
}

# end_to_end_tests MARKS: those files side by side.
end_to_end_tests() {
  step "pytest tests/e2e, on Docker $(daemon_version)"
  pytest tests/e2e -n "$WORKERS" --dist loadgroup -m "$1"
}

timed_tests() {
  step "pytest tests/e2e, what is timed, on Docker $(daemon_version)"
  pytest tests/e2e -m 'timed and not slow and not catalogue'
}

# Runs a function and fails if something is left on the daemon that was not
# there before.
leaving_nothing() {
  local before after
  before=$(ours | sort)
  "$@"
  after=$(comm -13 <(printf '%s\n' "$before") <(ours | sort))
  [[ -z $after ]] || die "the tests left something behind on the daemon:" "$after"
}

everything() {
  step "cargo test, on Docker $(daemon_version)"
  cargo test --workspace --locked
  step "cargo build --release"
  cargo build --release --locked
  client_tests
  end_to_end_tests 'not slow and not timed and (not catalogue or catalogue_part)'
  timed_tests
}

# On another engine the figures are nobody's, so that nothing has the machine
# for itself, and what is of frameworks alone is the same.
end_to_end() {
  step "cargo test --test it, on Docker $(daemon_version)"
  # With the whole workspace, as it was built for that.
  cargo test --workspace --locked --test it
  client_tests
  end_to_end_tests 'not slow and not catalogue and not once'
}

if [[ ${1:-} == --timed ]]; then
  timed_tests
  exit
fi
leaving_nothing everything
if [[ ${ENGINES:-} == all ]]; then
  DOCKER_HOST=$(scripts/engine26.sh start)
  export DOCKER_HOST
  leaving_nothing end_to_end
fi
step "All tests passed in $SECONDS s"
