#!/bin/sh
# `make test-containers`: tests on servers in containers, then the demo's story told against a whole
# network in containers. Uses the Docker engine at hand; where there is none, root gets one: it is
# installed by apt, runs only meanwhile, changes no firewall, and takes its images with it.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d /tmp/tokend-containers-XXXXXX)
data=$work/deployment
engine=
reason=

say() { echo "tokend: $*" >&2; }
refuse() { reason=$*; exit 1; }

has_plugin() { docker compose version >/dev/null 2>&1; }

compose() {
    program=docker-compose
    ! has_plugin || program="docker compose"
    $program --env-file "$data/compose.env" --file infra/containers/compose.yaml "$@"
}

stop_engine() {
    kill "$engine" 2>/dev/null && wait "$engine" || :
    # Namespaces and layers it may not have let go of.
    while read -r _ place _; do
        case $place in "$work"/*) umount -l "$place" || : ;; esac
    done </proc/mounts
    [ -e "$work/had-bridge" ] || ip link delete docker0 2>/dev/null || :
}

clean_up() {
    code=$?
    trap '' INT TERM HUP
    if [ -e "$data/compose.env" ]; then
        [ $code -eq 0 ] || compose logs --tail 20 >&2 || :
        compose down --volumes --timeout 5 >/dev/null 2>&1 || :
    fi
    [ -z "$engine" ] || stop_engine
    rm -rf "$work"
    [ -z "$reason" ] || say "$reason"  # the last line, not one among those of all services
    trap - EXIT
    exit $code
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# install PROGRAM PACKAGE: by apt, unless it is there.
install() {
    command -v "$1" >/dev/null && return
    { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; } ||
        refuse "$1 is missing: install the package $2, then run make again."
    say "installing $2 by apt"
    { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes \
        --no-install-recommends "$2"; } >"$work/apt.log" 2>&1 ||
        refuse "apt could not install $2: $(tail -n 1 "$work/apt.log")"
}

start_engine() {
    install docker docker.io
    docker info >/dev/null 2>&1 && return
    [ "$(id -u)" = 0 ] || refuse "no Docker engine answers: start one, or name one by DOCKER_HOST."
    install dockerd docker.io
    install ip iproute2
    ! ip link show docker0 >/dev/null 2>&1 || touch "$work/had-bridge"
    export DOCKER_HOST="unix://$work/docker.sock" BUILD_NETWORK=host
    setpriv --pdeathsig=TERM dockerd --ip 127.0.0.1 --iptables=false --ip-forward=false \
        --data-root "$work/data" --exec-root "$work/exec" --pidfile "$work/pid" \
        --host "$DOCKER_HOST" >"$work/dockerd.log" 2>&1 &
    engine=$!
    for _ in $(seq 100); do
        docker info >/dev/null 2>&1 && return
        kill -0 $engine 2>/dev/null || break
        sleep 0.2
    done
    refuse "the Docker engine does not start: $(tail -n 1 "$work/dockerd.log")"
}

# A base image of this machine's own Debian or Ubuntu, from where its apt gets packages.
make_base() {
    [ -z "${BASE_IMAGE:-}" ] || return 0
    suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
    export BASE_IMAGE="local/base:$suite"
    ! docker image inspect "$BASE_IMAGE" >/dev/null 2>&1 || return 0
    install debootstrap debootstrap
    mirror=$(apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' \
        'Created-By: Packages' | sed -n "s/^$suite main //p" | head -n 1)
    say "making a base image of $suite"
    debootstrap --variant=minbase --include=ca-certificates "$suite" "$work/root" "$mirror" \
        >"$work/debootstrap.log" 2>&1 || refuse "debootstrap: $(tail -n 1 "$work/debootstrap.log")"
    tar -C "$work/root" -c . | docker import - "$BASE_IMAGE" >/dev/null
    rm -rf "$work/root"
}

start_engine
has_plugin || install docker-compose docker-compose
make_base
export TOKEND_IMAGE=local/tokend KAFKA_IMAGE=local/tokend-kafka POSTGRES_IMAGE=local/tokend-postgres
infra/containers/build.sh

say "tests on servers in containers"
TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_CONNECTION_MODE=docker_host \
    .venv/bin/pytest -q --servers containers -m servers \
    tests/support/test_servers.py tests/processors/ledger_feed tests/gateways/client

say "a whole network in containers"
export COMPOSE_PROJECT_NAME="tokend$$"
.venv/bin/tokend containers prepare --data "$data" >/dev/null
compose up --detach >"$work/compose.log" 2>&1 || refuse "compose: $(tail -n 5 "$work/compose.log")"
.venv/bin/tokend containers demo --data "$data" 2>"$work/demo.log" ||
    refuse "the demo failed: $(tail -n 5 "$work/demo.log")"
say "all is well"
