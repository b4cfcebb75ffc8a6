#!/bin/sh
# Runs a service as `tokend run` does. Each line of FILE.crash beside its settings file is the switch
# of streams/kill_points.py for one start; whoever starts it after the last has it back without.
# Usage: run_service.sh TOKEND run PROGRAM --config FILE
set -eu
if [ -s "$5.crash" ]; then
    TOKEND_CRASH_AT=$(head -n 1 "$5.crash")
    export TOKEND_CRASH_AT
    sed -i 1d "$5.crash"
fi
exec "$@"
