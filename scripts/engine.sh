#!/usr/bin/env bash
# The Docker daemon that previewd uses by default.
#
#   scripts/engine.sh start   install Docker where it is missing and we may, and
#                             start a daemon if none answers
#   scripts/engine.sh stop    stop the daemon, if this script started it
#   scripts/engine.sh host    print the DOCKER_HOST it answers at
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SOCKET=/var/run/docker.sock
STATE="$ENGINES_DIR/default"
PID_FILE="$STATE/dockerd.pid"
LOG="$STATE/dockerd.log"
HOW_TO_INSTALL="install Docker (https://docs.docker.com/engine/install/) and start it, or set DOCKER_HOST to a daemon that runs"

# True if the daemon that we started is still there.
ours_runs() { process_is "$(cat "$PID_FILE" 2>/dev/null)" dockerd; }

install_docker() {
  if have dockerd && have docker && have iptables; then return 0; fi
  is_debian_like || die "no Docker daemon is installed, and this is neither Debian nor Ubuntu" "$HOW_TO_INSTALL"
  is_root || die "no Docker daemon is installed, and installing one needs root" "$HOW_TO_INSTALL" "or run this once as root: scripts/engine.sh start"
  step "Installing Docker from the distribution"
  apt_refresh
  # The client is a package of its own in newer releases.
  local -a packages=(docker.io iptables)
  if ! have docker && apt-cache show docker-cli >/dev/null 2>&1; then packages+=(docker-cli); fi
  apt_install "${packages[@]}" || die "Docker could not be installed from the distribution's packages" "$HOW_TO_INSTALL"
  have docker || die "the distribution's packages brought no docker client" "$HOW_TO_INSTALL"
}

start() {
  if daemon_answers; then
    note "a Docker daemon answers: $(daemon_version)"
    return 0
  fi
  if [[ -n ${DOCKER_HOST:-} && $DOCKER_HOST != unix://$SOCKET && $DOCKER_HOST != unix:///run/docker.sock ]]; then
    die "no Docker daemon answers at DOCKER_HOST=$DOCKER_HOST" "start that daemon, or unset DOCKER_HOST to have one started here"
  fi
  install_docker
  # The package may have started a service of its own.
  if is_root && have systemctl && [[ -d /run/systemd/system ]]; then
    systemctl start docker 2>/dev/null || true
  fi
  if wait_for_daemon 5; then
    note "a Docker daemon answers: $(daemon_version)"
    return 0
  fi
  is_root || die "the Docker daemon does not answer (or this user may not speak to it)" \
    "start it: sudo systemctl start docker" "and let this user use it: sudo usermod -aG docker $(id -un)"
  # Left by a daemon that was killed, it keeps the next one from starting when
  # another process has its number by now.
  process_is "$(cat /var/run/docker.pid 2>/dev/null)" dockerd || rm -f /var/run/docker.pid
  step "Starting the Docker daemon in the background"
  mkdir -p "$STATE"
  # With a session of its own the daemon outlives this shell and its terminal.
  setsid nohup dockerd --pidfile /var/run/docker.pid >"$LOG" 2>&1 </dev/null &
  echo $! >"$PID_FILE"
  if ! wait_for_daemon 60; then
    tail -n 20 "$LOG" | sed 's/^/    | /' >&2
    die "dockerd was started and does not answer" "its log is in $LOG"
  fi
  spread_data "$(docker info --format '{{.DockerRootDir}}')"
  note "the daemon runs: $(daemon_version), log in $LOG"
}

# Waits until the daemon answers or SECONDS have passed, or until the one that
# we started has ended.
wait_for_daemon() {
  local until=$((SECONDS + $1))
  while ((SECONDS < until)); do
    daemon_answers && return 0
    if [[ -f $PID_FILE ]] && ! ours_runs && [[ $1 -gt 10 ]]; then
      # The pid file names setsid's child only after exec: grant it a moment.
      sleep 1
      ours_runs || return 1
    fi
    sleep 0.3
  done
  return 1
}

stop() {
  if ! ours_runs; then
    note "no daemon that this script started is running"
    rm -f "$PID_FILE"
    return 0
  fi
  local pid
  pid=$(cat "$PID_FILE")
  step "Stopping the Docker daemon (process $pid)"
  kill "$pid"
  for _ in $(seq 150); do
    ours_runs || break
    sleep 0.2
  done
  ours_runs && die "the daemon is still running after 30 s" "its log is in $LOG"
  rm -f "$PID_FILE"
}

case ${1:-} in
  start) start ;;
  stop) stop ;;
  host) echo "${DOCKER_HOST:-unix://$SOCKET}" ;;
  *) die "usage: scripts/engine.sh start|stop|host" ;;
esac
