#!/usr/bin/env bash
# Takes every starting point of the catalogue through its life, two at a time,
# compares some with the same by hand, and writes docs/catalogue.md. Arguments go to pytest, as `-k vite`; then the
# page is not written, as it would have the rest from other runs.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

PREVIEWD_BIN=${PREVIEWD_BIN:-$(release_binary)}
CATALOGUE_RESULTS=${CATALOGUE_RESULTS:-$CACHE/catalogue/results}
export PREVIEWD_BIN CATALOGUE_RESULTS

rm -rf "$CATALOGUE_RESULTS"
step "The catalogue, on Docker $(daemon_version)"
code=0
run() { "$CACHE/venv/bin/python" -m pytest tests/e2e/catalogue "$@" || code=$?; }
run -m 'catalogue and not alone' -n 2 --dist loadgroup "$@"
# Where the arguments leave nothing of one part, that is no failure.
((code != 5)) || code=0
run -m 'catalogue and alone' "$@"
((code != 5)) || code=0
if (($# == 0)); then
  # What fell short is printed with it, and is why the tests have failed.
  PYTHONPATH=tests/e2e "$CACHE/venv/bin/python" -m catalogue.table || true
  note "docs/catalogue.md is written"
fi
exit "$code"
