"""How long a node needs to be with the others again after `kill -9` under load."""

import statistics
import time

from infra.local import network
from infra.local.processes import wait_until
from tests.bench.figures import Figure, judge, tell
from tests.support.whole_deployment import WholeDeployment, start_whole_deployment
from tests.support.workload import Follower, make_economy

NAMES = [f"payer {number}" for number in range(200)]
RATE, LOADED_S = 500, 90
KILLED_AFTER_S, BACK_S = 5, 60
REJOIN_S = 15  # the bar


def measure_rejoin() -> list[Figure]:
    """From the kill until the node has closed and published what the others have. Its supervisor
    starts it again."""
    with start_whole_deployment("horizon") as running:
        make_economy(running.workload, NAMES, Follower.open(running.kafka, "core1"))
        seconds = [_kill(running, core) for core in network.CORES[1:]]
        running.check()
    found = statistics.median(seconds)
    tell(f"a killed node is back after {found:.1f} s at {RATE} payments/s")
    return [judge("rejoin_s", found, "s", REJOIN_S)]


def _kill(running: WholeDeployment, core: str) -> float:
    with running.under_load(NAMES, "core1", RATE * LOADED_S, RATE, ends_early=True):
        time.sleep(KILLED_AFTER_S)
        status = running.get_node_status("core1") or {}
        running.kill(core)
        began = time.monotonic()
        if not wait_until(lambda: running.is_back(core, status["sequence"]), BACK_S):
            raise TimeoutError(f"{core} does not come back: {running.get_statuses()}")
        return time.monotonic() - began
