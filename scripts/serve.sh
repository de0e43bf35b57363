#!/usr/bin/env bash
# Runs the release build of the service in the foreground, in this folder, whose
# .env it reads.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
exec "$(release_binary)" serve "$@"
