#!/bin/sh
# Builds the images of tokend, Kafka and PostgreSQL on the Docker engine that DOCKER_HOST names.
# What they are called, and what they are built on, are settings (environment); BUILD_NETWORK too,
# where builds reach no network but the host's.
set -eu
cd "$(dirname "$0")/../.."
: "${BASE_IMAGE:=debian:bookworm-slim}"
: "${TOKEND_IMAGE:=local/tokend}"
: "${KAFKA_IMAGE:=local/tokend-kafka}"
: "${POSTGRES_IMAGE:=local/tokend-postgres}"

# The packages as the lock pins them, for the Python of the base image (Debian 12: 3.11).
fetch_wheels() {
    [ .cache/wheels.stamp -nt requirements.lock ] && return
    rm -rf .cache/wheels
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps \
        --only-binary :all: --python-version 3.11 --requirement requirements.lock --dest .cache/wheels
    touch .cache/wheels.stamp
}

build() {
    docker build --quiet --network "${BUILD_NETWORK:-default}" --tag "$1" \
        --build-arg "BASE=$BASE_IMAGE" --file "infra/containers/$2.Dockerfile" . >/dev/null 2>"$log" ||
        { cat "$log" >&2; exit 1; }
    echo "tokend: built $1" >&2
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
fetch_wheels
infra/chains/setup.sh
build "$POSTGRES_IMAGE" postgres
build "$KAFKA_IMAGE" kafka
build "$TOKEND_IMAGE" tokend
