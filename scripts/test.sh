#!/usr/bin/env bash
# Runs every test. With ENGINES=all the end-to-end tests run a second time, on
# Docker 26.
#
# The tests find the service's binary through PREVIEWD_BIN, the daemon through
# DOCKER_HOST, and the images through .env.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

case ${ENGINES:-} in
  '' | default | all) ;;
  *) die "ENGINES is '$ENGINES'; it may be all, or not be set" ;;
esac

export PREVIEWD_BIN="$ROOT/target/debug/previewd"

# Prints what previewd has made on the daemon and should not leave: all its
# containers and networks, and volumes and images that are no cache.
ours() {
  docker ps -a --filter label=previewd.instance --format 'container {{.Names}}'
  docker network ls --filter label=previewd.instance --format 'network {{.Name}}'
  docker volume ls --filter label=previewd.instance --format '{{.Name}} {{.Label "previewd.role"}}' |
    awk '$2 != "runtime" && $2 != "cache" {print "volume " $1}'
  docker images --filter label=previewd.role=build --format 'image {{.Repository}}:{{.Tag}} {{.ID}}'
}

python_tests() {
  [[ -d clients/python/tests ]] || return 0
  step "The Python client and the end-to-end tests of the contract"
  "$CACHE/venv/bin/python" -m pytest clients/python/tests
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
  cargo build --locked
  cargo test --workspace --locked
  python_tests
}

end_to_end() {
  step "The end-to-end tests, on Docker $(daemon_version)"
  cargo test --locked --test it
  python_tests
}

leaving_nothing everything
if [[ ${ENGINES:-} == all ]]; then
  DOCKER_HOST=$(scripts/engine26.sh start)
  export DOCKER_HOST
  leaving_nothing end_to_end
fi
step "All tests passed in $SECONDS s"
