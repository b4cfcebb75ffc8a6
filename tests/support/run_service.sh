#!/bin/sh
# Runs a service as `tokend run` does. Where FILE.crash stands beside its settings file, this one
# start has the switch of streams/kill_points.py; whoever starts it next has it back without.
# Usage: run_service.sh TOKEND run PROGRAM --config FILE
set -eu
if [ -f "$5.crash" ]; then
    TOKEND_CRASH_AT=$(cat "$5.crash")
    export TOKEND_CRASH_AT
    rm "$5.crash"
fi
exec "$@"
