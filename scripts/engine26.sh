#!/usr/bin/env bash
# A second Docker daemon, 26.1 from Debian trixie, beside whatever runs here:
# the end-to-end tests are run on both.
#
#   scripts/engine26.sh start  unpack it where it is missing, start it, give it
#                              the base images, print its DOCKER_HOST
#   scripts/engine26.sh stop   stop it, and remove its bridge
#   scripts/engine26.sh host   print its DOCKER_HOST
#
# Nothing is installed: the packages are unpacked into a folder, and the daemon
# has a data root, an exec root, a socket, a bridge and address pools of its own.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

STATE="$ENGINES_DIR/26"
BIN="$STATE/root/usr/bin:$STATE/root/usr/sbin"
SOCKET="$STATE/docker.sock"
PID_FILE="$STATE/dockerd.pid"
LOG="$STATE/dockerd.log"
BRIDGE=previewd26
BRIDGE_ADDRESS=172.31.240.1/22
POOL=base=172.31.128.0/18,size=24
PACKAGES=(docker.io containerd tini)

export DOCKER_HOST=unix://$SOCKET

runs() { process_is "$(cat "$PID_FILE" 2>/dev/null)" "$STATE/docker.pid"; }

unpack_engine() {
  [[ -x $STATE/root/usr/sbin/dockerd && -x $STATE/root/usr/bin/containerd ]] && return 0
  is_debian_like || die "the second engine comes from Debian packages, and this is neither Debian nor Ubuntu"
  step "Unpacking Docker 26.1 from Debian trixie"
  apt_install debian-archive-keyring iptables iproute2
  "$ROOT/scripts/trixie.sh" unpack "$STATE/root" "${PACKAGES[@]}" || die "the packages of Debian trixie could not be had"
  # Trixie's runc needs a newer C library than bookworm has; the one that the
  # first engine brought serves both.
  have runc || die "runc is missing" "scripts/engine.sh start installs it with Docker"
}

start() {
  is_root || die "a second daemon needs root"
  if runs && daemon_answers; then
    note "Docker 26 answers: $(daemon_version)"
  else
    unpack_engine
    step "Starting Docker 26 in the background"
    mkdir -p "$STATE"
    if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
      ip link add "$BRIDGE" type bridge
      ip address add "$BRIDGE_ADDRESS" dev "$BRIDGE"
    fi
    ip link set "$BRIDGE" up
    rm -f "$STATE/docker.pid"
    local others
    others=$(ip -4 -o address show dev docker0 2>/dev/null | awk '{print $4}') || true
    PATH="$BIN:$PATH" setsid nohup dockerd \
      --data-root "$STATE/data" --exec-root "$STATE/exec" --pidfile "$STATE/docker.pid" \
      --host "$DOCKER_HOST" --bridge "$BRIDGE" --default-address-pool "$POOL" \
      >"$LOG" 2>&1 </dev/null &
    echo $! >"$PID_FILE"
    local until=$((SECONDS + 60))
    sleep 1
    until daemon_answers; do
      if ! runs || ((SECONDS >= until)); then
        tail -n 20 "$LOG" | sed 's/^/    | /' >&2
        die "Docker 26 was started and does not answer" "its log is in $LOG"
      fi
      sleep 0.3
    done
    spread_data "$STATE/data"
    # A daemon that is given a bridge removes the usual one, which is the other
    # daemon's: containers outside of networks of their own need it.
    if [[ -n $others ]] && ! ip link show docker0 >/dev/null 2>&1; then
      ip link add docker0 type bridge
      ip address add "$others" dev docker0
      ip link set docker0 up
    fi
    note "Docker 26 runs: $(daemon_version), log in $LOG"
  fi
  "$ROOT/scripts/images.sh"
  echo "$DOCKER_HOST"
}

stop() {
  if runs; then
    local pid
    pid=$(cat "$PID_FILE")
    step "Stopping Docker 26 (process $pid)"
    kill "$pid"
    for _ in $(seq 150); do
      runs || break
      sleep 0.2
    done
    if runs; then die "Docker 26 is still running after 30 s" "its log is in $LOG"; fi
  else
    note "Docker 26 does not run"
  fi
  rm -f "$PID_FILE"
  ip link delete "$BRIDGE" 2>/dev/null || true
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  host) echo "$DOCKER_HOST" ;;
  *) die "usage: scripts/engine26.sh start|stop|host" ;;
esac
