#!/usr/bin/env bash
# Everything that can be said about the code without running it.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

# Every check runs, so that one run tells all that there is to mend.
failed=()
check() {
  local name=$1
  shift
  step "$name"
  "$@" || failed+=("$name")
}
skip() { warn "$1 is not installed; $2 is skipped"; }

check "cargo fmt" cargo fmt --all --check
check "cargo clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
check "cargo doc" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

if have buf; then check "buf lint" buf lint; else skip buf "the lint of the protocol"; fi

if cargo deny --version >/dev/null 2>&1; then
  # The advisories come from the network, which may not be there.
  if cargo deny fetch >/dev/null 2>&1; then
    check "cargo deny" cargo deny check
  else
    warn "the advisory database cannot be fetched; only licences, bans and sources are checked"
    check "cargo deny" cargo deny check licenses bans sources
  fi
else
  skip cargo-deny "the check of licences and advisories"
fi

if have shellcheck; then
  check shellcheck shellcheck -x scripts/*.sh .ci/run
else
  skip shellcheck "the lint of the scripts"
fi

((${#failed[@]} == 0)) || die "failed: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
step "All checks passed"
