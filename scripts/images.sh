#!/usr/bin/env bash
# The images that previews are made from.
#
#   scripts/images.sh           make sure that the daemon has all of them
#   scripts/images.sh --rebuild build the Debian equivalents anew
#   scripts/images.sh --save DIR  write them to DIR as archives that
#                               `docker load` reads
#
# For each stack: what a setting names; else the default, if it is there or a
# registry hands it out; else an equivalent from Debian packages. The outcome
# is written to .env.
set -euo pipefail
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SUITE=trixie
FIRST_ANSWER_SECONDS=${PREVIEW_PULL_FIRST_ANSWER:-15}
PULL_SECONDS=${PREVIEW_PULL_TIMEOUT:-600}
# A daemon that may have the images already: the one the client uses by itself.
OTHER_HOST=unix:///var/run/docker.sock

REGISTRY=unknown
REBUILD=''

image_exists() { docker image inspect "$1" >/dev/null 2>&1; }

# Pulls IMAGE. A registry that cannot be reached is not asked a second time:
# each question may cost a time-out.
try_pull() {
  local image=$1 log pid started=$SECONDS code=0
  [[ $REGISTRY != unreachable ]] || return 1
  note "pulling $image"
  mkdir -p "$CACHE/logs"
  log="$CACHE/logs/pull.log"
  docker pull "$image" >"$log" 2>&1 </dev/null &
  pid=$!
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.3
    # The first line of progress comes once the registry has answered.
    if ! grep -qE 'Pulling from' "$log" && ((SECONDS - started >= FIRST_ANSWER_SECONDS)); then
      kill "$pid" 2>/dev/null || true
      note "no registry answered within $FIRST_ANSWER_SECONDS s"
      break
    fi
    if ((SECONDS - started >= PULL_SECONDS)); then
      kill "$pid" 2>/dev/null || true
      warn "pulling $image took over $PULL_SECONDS s and was given up"
      break
    fi
  done
  wait "$pid" || code=$?
  if ((code == 0)); then
    REGISTRY=reachable
    return 0
  fi
  grep -qE 'Pulling from|manifest unknown|not found: manifest|access denied|denied:' "$log" || REGISTRY=unreachable
  note "$image could not be pulled: $(tail -n 1 "$log" | cut -c1-160)"
  return 1
}

# Takes TAG over from the other daemon, if that one has it and is another one;
# with it the other images that are still missing here, as they share layers.
try_copy() {
  local tag=$1 here there name
  local -a tags=()
  there=$(DOCKER_HOST=$OTHER_HOST timeout 10 docker info --format '{{.ID}}' 2>/dev/null) || return 1
  here=$(docker info --format '{{.ID}}')
  [[ -n $there && $here != "$there" ]] || return 1
  DOCKER_HOST=$OTHER_HOST image_exists "$tag" || return 1
  for name in base python node static; do
    if ! image_exists "previewd/$name:$SUITE" && DOCKER_HOST=$OTHER_HOST image_exists "previewd/$name:$SUITE"; then
      tags+=("previewd/$name:$SUITE")
    fi
  done
  [[ " ${tags[*]} " == *" $tag "* ]] || tags+=("$tag")
  note "copying ${tags[*]} from the daemon at $OTHER_HOST"
  DOCKER_HOST=$OTHER_HOST docker save "${tags[@]}" | docker load --quiet >/dev/null
}

# Makes the Debian root file system with debootstrap; keeps it as an archive,
# as it is the slow and the network-bound part.
rootfs_archive() {
  local archive="$CACHE/rootfs-$SUITE.tar" mirror folder
  if [[ -s $archive && -z $REBUILD ]]; then
    printf '%s\n' "$archive"
    return 0
  fi
  is_root || die "building base images from Debian packages needs root (debootstrap)" \
    "run this as root, or have PREVIEW_PYTHON_IMAGE, PREVIEW_NODE_IMAGE and PREVIEW_STATIC_IMAGE name images that this daemon has"
  is_debian_like || die "building base images needs debootstrap, from Debian or Ubuntu" \
    "build them on such a machine (scripts/images.sh --save DIR) and docker load them here: docs/air-gapped.md"
  apt_install debootstrap debian-archive-keyring || die "debootstrap could not be installed"
  mirror=$(debian_mirror) || die "no Debian mirror is known" "set PREVIEW_DEBIAN_MIRROR to the address of one"
  folder=$(mktemp -d "${TMPDIR:-/var/tmp}/previewd-rootfs.XXXXXX")
  # Expanded now, as the variable is gone when the trap runs.
  # shellcheck disable=SC2064
  trap "rm -rf '$folder'" EXIT
  run_logged "debootstrap-$SUITE" debootstrap --variant=minbase \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg "$SUITE" "$folder" "$mirror" ||
    die "debootstrap failed" "is the Debian mirror $mirror reachable? PREVIEW_DEBIAN_MIRROR names another"
  write_sources "$folder" "$mirror"
  rm -rf "$folder"/var/cache/apt/archives/*.deb "$folder"/var/lib/apt/lists/*
  mkdir -p "$CACHE"
  tar -C "$folder" --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -cf "$archive.part" .
  mv "$archive.part" "$archive"
  rm -rf "$folder"
  trap - EXIT
  printf '%s\n' "$archive"
}

# Gives the root file system its package sources; updates and security fixes
# only where the mirror has them.
write_sources() {
  local folder=$1 mirror=$2 security
  security=$(setting PREVIEW_DEBIAN_SECURITY_MIRROR || printf '%s-security\n' "${mirror%/}")
  {
    echo "deb $mirror $SUITE main"
    if mirror_has "$mirror/dists/$SUITE-updates/InRelease"; then echo "deb $mirror $SUITE-updates main"; fi
    if mirror_has "$security/dists/$SUITE-security/InRelease"; then echo "deb $security $SUITE-security main"; fi
  } >"$folder/etc/apt/sources.list"
}

# Asks with apt's own means: neither curl nor wget need be here.
mirror_has() {
  local answer
  answer=$(mktemp)
  /usr/lib/apt/apt-helper download-file "$1" "$answer" >/dev/null 2>&1 && [[ -s $answer ]]
  local code=$?
  rm -f "$answer"
  return "$code"
}

# Builds TAG from stacks/images/NAME.Dockerfile. The host's network is used for
# the build, so that it works wherever this machine's own apt works.
build() {
  local name=$1 tag=$2 proxy
  local -a args=(--network host --tag "$tag" --label "dev.previewd.base=$name")
  for proxy in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    [[ -z ${!proxy:-} ]] || args+=(--build-arg "$proxy=${!proxy}")
  done
  [[ -z $REBUILD ]] || args+=(--no-cache)
  # The builder of old daemons and of clients without buildx. Nothing is sent
  # along but the Dockerfile.
  # shellcheck disable=SC2016
  DOCKER_BUILDKIT=0 run_logged "build-$name" \
    bash -c 'docker build "${@:2}" - <"$1"' _ "$ROOT/stacks/images/$name.Dockerfile" "${args[@]}"
}

# Makes sure that previewd/NAME:trixie is there, with what it stands on.
ensure_built() {
  local name=$1 tag=previewd/$1:$SUITE archive
  if [[ -z $REBUILD ]]; then
    image_exists "$tag" && return 0
    try_copy "$tag" && return 0
  fi
  case $name in
    rootfs)
      archive=$(rootfs_archive)
      [[ -s $archive ]] || return 1
      note "importing $tag"
      docker import --change 'CMD ["bash"]' "$archive" "$tag" >/dev/null
      ;;
    base)
      ensure_built rootfs
      step "Building $tag from Debian packages"
      build base "$tag" || die "$tag could not be built"
      ;;
    *)
      ensure_base_once
      step "Building $tag from Debian packages"
      build "$name" "$tag" || die "$tag could not be built"
      ;;
  esac
}

BASE_DONE=''
ensure_base_once() {
  [[ -z $BASE_DONE ]] || return 0
  ensure_built base
  BASE_DONE=1
}

# Finds or makes the image of one stack and writes it to .env.
# ensure_stack NAME KEY DEFAULT
ensure_stack() {
  local name=$1 key=$2 default=$3 image
  if image=$(setting "$key"); then
    if [[ $image == "previewd/$name:$SUITE" ]]; then
      ensure_built "$name"
    elif ! image_exists "$image"; then
      try_pull "$image" || warn "$key names $image, which is not here and cannot be pulled; previews of that stack will fail until it is"
    fi
    note "$name: $image (set by $key)"
    return 0
  fi
  if image_exists "$default" || try_pull "$default"; then
    image=$default
  else
    image=previewd/$name:$SUITE
    ensure_built "$name"
  fi
  note "$name: $image"
  env_add "$key" "$image"
}

ensure_all() {
  step "Base images"
  daemon_answers || die "no Docker daemon answers" "run scripts/engine.sh start"
  ensure_stack python PREVIEW_PYTHON_IMAGE python:3.12-slim
  ensure_stack node PREVIEW_NODE_IMAGE node:22-slim
  ensure_stack static PREVIEW_STATIC_IMAGE nginx:alpine
  # Where no registry answers, docker-compose.yml has to do without one too.
  if [[ $(setting PREVIEW_STATIC_IMAGE) == "previewd/static:$SUITE" ]]; then
    env_add PREVIEWD_TARGET local
    env_add PREVIEWD_BASE "previewd/base:$SUITE"
  fi
  if [[ $(setting PREVIEWD_BASE || true) == "previewd/base:$SUITE" ]]; then ensure_built base; fi
}

rebuild_all() {
  local name
  REBUILD=1
  for name in base python node static; do
    if [[ $name == base ]]; then ensure_base_once; else ensure_built "$name"; fi
  done
}

save_all() {
  local folder=$1 name
  mkdir -p "$folder"
  for name in python node static; do
    ensure_built "$name"
    note "writing $folder/previewd-$name-$SUITE.tar"
    docker save --output "$folder/previewd-$name-$SUITE.tar" "previewd/$name:$SUITE"
  done
}

case ${1:-} in
  '') ensure_all ;;
  --rebuild) rebuild_all ;;
  --save) save_all "${2:?usage: scripts/images.sh --save DIR}" ;;
  *) die "usage: scripts/images.sh [--rebuild | --save DIR]" ;;
esac
