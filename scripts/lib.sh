# shellcheck shell=bash
# What the set-up scripts share: messages, the `.env` file, and questions to
# the machine. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE="$ROOT/.cache"
ENV_FILE=${PREVIEW_ENV_FILE:-$ROOT/.env}
# What belongs to the machine and not to one clone: the daemons that we start.
# The socket of a daemon lives here too, so the path has to be short.
# shellcheck disable=SC2034
ENGINES_DIR=${PREVIEW_ENGINES_DIR:-/var/lib/previewd-engines}
# Helper tools that the scripts unpack or install come first.
export PATH="$CACHE/bin:$PATH"

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  _bold=$'\e[1m' _dim=$'\e[2m' _red=$'\e[31m' _yellow=$'\e[33m' _off=$'\e[0m'
else
  _bold='' _dim='' _red='' _yellow='' _off=''
fi

# All of these write to standard error, so that a script's answer (a host, a
# tag) can be read from standard output.
step() { printf '%s==> %s%s\n' "$_bold" "$*" "$_off" >&2; }
note() { printf '    %s\n' "$*" >&2; }
warn() { printf '%swarning: %s%s\n' "$_yellow" "$*" "$_off" >&2; }
# die MESSAGE [HINT...]: each hint is a line that says what to do about it.
die() {
  printf '%serror: %s%s\n' "$_red" "$1" "$_off" >&2
  shift
  local hint
  for hint in "$@"; do printf '       %s\n' "$hint" >&2; done
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [[ $(id -u) -eq 0 ]]; }
is_debian_like() {
  [[ -r /etc/os-release ]] && grep -qE '^(ID|ID_LIKE)=.*(debian|ubuntu)' /etc/os-release && have apt-get
}

# Runs a long command with its output in a log file and a line on the screen
# every ten seconds; shows the log's end if it fails.
# run_logged NAME COMMAND...
run_logged() {
  local name=$1 log pid started=$SECONDS code=0 said=0
  shift
  mkdir -p "$CACHE/logs"
  log="$CACHE/logs/${name//[^A-Za-z0-9_.-]/-}.log"
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    if ((SECONDS - started >= said + 10)); then
      said=$((SECONDS - started))
      note "${_dim}$name: $said s, $(tail -n 1 "$log" | tr -d '\r' | cut -c1-80)${_off}"
    fi
  done
  wait "$pid" || code=$?
  if ((code != 0)); then
    tail -n 25 "$log" | sed 's/^/    | /' >&2
    warn "$name failed (exit $code); the whole output is in $log"
    return "$code"
  fi
  note "$name: done in $((SECONDS - started)) s"
}

# Prints the value of KEY: the environment first, then .env; fails if neither
# has it.
setting() {
  local key=$1 line
  if [[ -n ${!key:-} ]]; then
    printf '%s\n' "${!key}"
    return 0
  fi
  [[ -f $ENV_FILE ]] || return 1
  line=$(grep -E "^[[:space:]]*$key=" "$ENV_FILE" | tail -n 1) || return 1
  line=${line#*=}
  line=${line%\"} line=${line#\"}
  [[ -n $line ]] || return 1
  printf '%s\n' "$line"
}

# Writes KEY=VALUE to .env unless .env already says something for KEY: a line
# that is there belongs to the user.
env_add() {
  local key=$1 value=$2
  if [[ -f $ENV_FILE ]] && grep -qE "^[[:space:]]*$key=" "$ENV_FILE"; then
    return 0
  fi
  if [[ ! -s $ENV_FILE ]]; then
    printf '# Written by scripts/setup.sh. It adds what is missing and changes no line\n# that is here; see .env.example for every setting.\n' >"$ENV_FILE"
  elif [[ -n $(tail -c 1 "$ENV_FILE") ]]; then
    echo >>"$ENV_FILE"
  fi
  printf '%s=%s\n' "$key" "$value" >>"$ENV_FILE"
  note ".env: $key=$value"
}

# Prints the service's program, where cargo puts it: people have target folders
# of their own.
release_binary() {
  local target
  target=$(cd "$ROOT" && cargo metadata --no-deps --format-version 1 | sed -nE 's/.*"target_directory":"([^"]+)".*/\1/p')
  printf '%s\n' "${target:-$ROOT/target}/release/previewd"
}

# True if process PID runs with WORD in its command line. The line is compared
# because the number may have been given to somebody else since, and because it
# is empty for a process that has ended and that nobody has waited for.
# process_is PID WORD
process_is() { [[ -n ${1:-} ]] && grep -qaF -- "$2" "/proc/$1/cmdline" 2>/dev/null; }

# True if the daemon that DOCKER_HOST (or the client's default) names answers.
daemon_answers() {
  have docker && timeout 10 docker version --format '{{.Server.Version}}' >/dev/null 2>&1
}
daemon_version() { docker version --format '{{.Server.Version}} (API {{.Server.APIVersion}})'; }

# Has a daemon's volumes and layers lie apart from one another, where the disk
# is of ext4: see docs/operations.md. A hint, so that it fails is fine.
spread_data() {
  local kind
  for kind in volumes overlay2; do
    if have chattr && [[ -d $1/$kind ]]; then chattr +T "$1/$kind" 2>/dev/null || true; fi
  done
}

APT_REFRESHED=''
# Refreshes the package index, at most once a run.
apt_refresh() {
  [[ -z $APT_REFRESHED ]] || return 0
  run_logged apt-update apt-get -o DPkg::Lock::Timeout=300 update || warn "the package index could not be refreshed; trying with what is there"
  APT_REFRESHED=1
}

# Installs those of the distribution's packages that are missing.
apt_install() {
  local -a missing=()
  local package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  is_root || die "these packages are missing: ${missing[*]}" "install them with: sudo apt-get install ${missing[*]}"
  apt_refresh
  note "installing ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive run_logged "apt-install-${missing[0]}" \
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"
}

# Prints the Debian mirror: the setting, else the one this machine's own apt
# uses, else the one debootstrap knows.
debian_mirror() {
  local uri
  if uri=$(setting PREVIEW_DEBIAN_MIRROR); then
    printf '%s\n' "${uri%/}"
    return 0
  fi
  # The dollar sign is for apt.
  # shellcheck disable=SC2016
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    sed 's#/$##' | grep -E '^https?://.*/debian$' | head -n 1) || true
  if [[ -z $uri && -r /usr/share/debootstrap/functions ]]; then
    uri=$(sed -nE 's/^DEF_MIRROR="?([^"]+)"?.*/\1/p' /usr/share/debootstrap/functions | head -n 1)
  fi
  [[ -n $uri ]] || return 1
  printf '%s\n' "${uri%/}"
}
