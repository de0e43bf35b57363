#!/usr/bin/env bash
# Shows previewd at work: starts the service, makes previews of the four
# projects in examples/, commits a visible change to each, and prints how long
# it took until the change was what the URL served. Stays up until Ctrl-C.
#
#   ONCE=1  ends after that; exit code 0, or not if a step failed
#
# The service gets a data folder and a network of its own and a free port, so
# that it disturbs no other; everything goes at the end.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"

BIN=${PREVIEWD_BIN:-$(release_binary)}
PROJECTS=(static fastapi express react)
# How long the first create may take: it installs the dependencies.
CREATE_SECONDS=600
CHANGE_SECONDS=60

# What is changed in each project: file, the text before, the text after, and
# the address that shows it. React's page is drawn in the browser, so there the
# component is asked for.
change_of() {
  case $1 in
    static) file=index.html before='roasted by the water</h1>' after='roasted this morning</h1>' path=/ ;;
    fastapi) file=app/main.py before='"Things to do"' after='"Things to do before noon"' path=/ ;;
    express) file=routes/pages.js before="'The guest book'" after="'The guest book of the tower'" path=/ ;;
    react) file=src/components/Header.jsx before='<h1>Day planner</h1>' after='<h1>The plan for today</h1>' path=/src/components/Header.jsx ;;
  esac
  # What the answer has to contain: the new text without what is code around it.
  shown=${after//[\'\"]/}
  shown=${shown#<h1>}
  shown=${shown%</h1>}
}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/previewd-demo.XXXXXX")
NETWORK="previewd-demo-$$"
SERVICE_PID=''
FAILED=0
declare -A URL STATUS TOOK PENDING=()

# --- The end -------------------------------------------------------------------

# Stops the service, which removes its previews, and looks whether anything of
# them is left. The exit code is the demo's.
# shellcheck disable=SC2317 # called by a trap
clean_up() {
  local code=$? left
  trap '' INT TERM
  trap - EXIT
  # Creates that are still under way.
  if ((${#PENDING[@]} > 0)); then kill "${PENDING[@]}" 2>/dev/null || true; fi
  if [[ -n $SERVICE_PID ]]; then
    step "Cleaning up"
    kill -TERM "$SERVICE_PID" 2>/dev/null || true
    for _ in $(seq 150); do
      kill -0 "$SERVICE_PID" 2>/dev/null || break
      sleep 0.2
    done
    if kill -0 "$SERVICE_PID" 2>/dev/null; then
      warn "the service did not end within 30 s and is killed"
      kill -KILL "$SERVICE_PID" 2>/dev/null || true
      code=1
    fi
    wait "$SERVICE_PID" 2>/dev/null || true
  fi
  left=$(docker ps -aq --filter "network=$NETWORK" 2>/dev/null || true)
  if [[ -n $left ]]; then
    warn "the service left containers behind; they are removed"
    xargs docker rm --force >/dev/null 2>&1 <<<"$left" || true
    code=1
  fi
  docker network rm "$NETWORK" >/dev/null 2>&1 || true
  if ((code != 0)) && [[ -s $WORK/service.log ]]; then
    warn "the end of the service's log:"
    tail -n 30 "$WORK/service.log" | sed 's/^/    | /' >&2
  fi
  rm -rf "$WORK"
  exit "$code"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# --- Small things --------------------------------------------------------------

# Prints the first string that the JSON on standard input gives for a key.
json_string() {
  tr -d '\n' | grep -oE "\"$1\": *\"[^\"]*\"" | head -n 1 | sed -E 's/^[^:]*: *"//; s/"$//'
}

# Prints a port of this machine that nobody listens on.
free_port() {
  local port
  for port in $(seq 50051 50150); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return 0
    fi
  done
  return 1
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# --- The steps -------------------------------------------------------------------

start_service() {
  local port until
  port=$(free_port) || die "no port is free between 50051 and 50150"
  ADDR=http://127.0.0.1:$port
  step "Starting previewd on $ADDR"
  # With a session of its own a Ctrl-C at the terminal reaches only this script,
  # which ends the service in order.
  PREVIEW_LISTEN=127.0.0.1:$port PREVIEW_DATA_DIR="$WORK/data" PREVIEW_NETWORK="$NETWORK" \
    setsid "$BIN" serve --remove-on-exit >"$WORK/service.log" 2>&1 </dev/null &
  SERVICE_PID=$!
  until=$((SECONDS + 30))
  until curl -fsS --max-time 2 -o /dev/null "$ADDR/healthz" 2>/dev/null; do
    kill -0 "$SERVICE_PID" 2>/dev/null || die "the service ended while starting"
    ((SECONDS < until)) || die "the service is not healthy after 30 s"
    sleep 0.1
  done
}

# Creates all four at once; each waits until its preview answers.
create_all() {
  local project pid started=$SECONDS said=0 waiting
  step "Creating four previews (the first time, their dependencies are installed)"
  for project in "${PROJECTS[@]}"; do
    # A change must not touch the project in examples/.
    cp -R "examples/$project" "$WORK/$project"
    rm -rf "$WORK/$project/node_modules" "$WORK/$project/dist"
    timeout "$CREATE_SECONDS" "$BIN" create --addr "$ADDR" --project "demo-$project" --dir "$WORK/$project" --json \
      >"$WORK/$project.json" 2>"$WORK/$project.err" &
    PENDING[$project]=$!
  done
  while ((${#PENDING[@]} > 0)); do
    for project in "${!PENDING[@]}"; do
      pid=${PENDING[$project]}
      kill -0 "$pid" 2>/dev/null && continue
      unset "PENDING[$project]"
      created "$project" "$pid" $((SECONDS - started))
    done
    waiting="${!PENDING[*]}"
    if [[ -n $waiting ]] && ((SECONDS - started >= said + 10)); then
      said=$((SECONDS - started))
      note "$said s, waiting for: $waiting"
    fi
    sleep 0.1
  done
}

# Takes the outcome of one create.
created() {
  local project=$1 code=0
  wait "$2" || code=$?
  URL[$project]=$(json_string url <"$WORK/$project.json" || true)
  if ((code != 0)) || [[ -z ${URL[$project]} ]]; then
    warn "$project: no preview (exit $code)"
    cat "$WORK/$project.err" "$WORK/$project.json" | tail -n 15 | sed 's/^/    | /' >&2
    STATUS[$project]='-'
    FAILED=1
    return 0
  fi
  STATUS[$project]=$(curl -sS --max-time 10 -o /dev/null -w '%{http_code}' "${URL[$project]}" 2>/dev/null || true)
  [[ ${STATUS[$project]} == 200 ]] || FAILED=1
  note "$project: ready after $3 s"
}

# Commits a change to one project and waits until it is what the URL serves.
# The time runs from before the commit's command to the first answer that has
# the new text, as a client sees it.
change() {
  local project=$1 file before after path shown started until text
  TOOK[$project]='-'
  [[ -n ${URL[$project]:-} ]] || return 0
  change_of "$project"
  text=$(<"$WORK/$project/$file")
  if [[ $text != *"$before"* ]]; then
    warn "$project: $file has no $before"
    FAILED=1
    return 0
  fi
  printf '%s\n' "${text/"$before"/"$after"}" >"$WORK/$project/$file"
  started=$(now_ms)
  until=$((SECONDS + CHANGE_SECONDS))
  if ! "$BIN" commit --addr "$ADDR" --project "demo-$project" --file "$file=$WORK/$project/$file" --json \
    >"$WORK/$project.commit.json" 2>"$WORK/$project.err"; then
    warn "$project: the commit failed: $(tail -n 1 "$WORK/$project.err")"
    FAILED=1
    return 0
  fi
  until curl -sS --max-time 10 "${URL[$project]%/}$path" 2>/dev/null | grep -qF -- "$shown"; do
    if ((SECONDS >= until)); then
      warn "$project: the change was not there after $CHANGE_SECONDS s"
      FAILED=1
      return 0
    fi
    sleep 0.005
  done
  TOOK[$project]="$(($(now_ms) - started)) ms"
}

table() {
  local project file before after path shown
  printf '\n  %-10s %-36s %-8s %-18s %s\n' PROJECT URL STATUS 'COMMIT TO ANSWER' CHANGE
  for project in "${PROJECTS[@]}"; do
    change_of "$project"
    printf '  %-10s %-36s %-8s %-18s %s\n' "$project" "${URL[$project]:--}" "${STATUS[$project]:--}" "${TOOK[$project]:-}" "${TOOK[$project]:+“$shown” in $file}"
  done
  echo
}

[[ -x $BIN ]] || die "$BIN is not there" "build it: cargo build --release"
have curl || apt_install curl || die "curl is missing"
start_service
create_all
table
step "Committing a visible change to each"
for project in "${PROJECTS[@]}"; do change "$project"; done
table

if [[ -n ${ONCE:-} ]]; then
  ((FAILED == 0)) || die "a step failed; see above"
  step "Four previews, four changes: all seen"
  exit 0
fi
((FAILED == 0)) || warn "a step failed; see above"
step "The previews stay until Ctrl-C"
trap 'exit 0' INT TERM
note "commit to one: $BIN commit --addr $ADDR --project demo-static --dir FOLDER"
while kill -0 "$SERVICE_PID" 2>/dev/null; do sleep 1; done
die "the service ended by itself"
