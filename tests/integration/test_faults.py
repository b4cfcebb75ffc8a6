"""`kill -9` of each kind of process under load: nothing is lost, nothing happens twice.

All nodes at once are killed in `test_kill_points`. The killed process comes back by the
supervisor's doing alone. Every round ends with the whole check of `WholeDeployment.check`.
"""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from gateways.client.horizon import HorizonClient
from gateways.client.ingest import FRAME
from infra.local import network
from infra.local.processes import is_alive, wait_until
from tests.integration.conftest import NAMES
from tests.support.whole_deployment import WholeDeployment
from tests.support.workload import Follower, make_payments

PAYMENTS, RATE = 250, 100
PAUSE_S, PAUSE_RATE = 30, 50
GROWTH_BYTES_MAX = 100 * 1024 * 1024
CLOSED_S = 60
HALTED_S = 6
PAIRS = tuple(itertools.combinations(network.CORES, 2))
WITNESSES = {core: network.CORES[number - 1] for number, core in enumerate(network.CORES)}


def sleep_a_while(fault_round: int) -> None:
    """Another moment every round: between 0.6 and 2.4 s after the load began."""
    time.sleep(0.6 + fault_round * 0.7 % 1.8)


@pytest.mark.parametrize("kind", ["core", "worker", "horizon", "kafka", "postgres"])
def test_a_process_killed_under_load(
    whole_deployment: WholeDeployment, kind: str, fault_round: int
) -> None:
    core = network.CORES[fault_round % len(network.CORES)]
    victims: dict[str, Callable[[], None]] = {
        "core": lambda: whole_deployment.kill(core),
        "worker": lambda: kill_worker(whole_deployment, core),
        "horizon": lambda: whole_deployment.kill(f"horizon{1 + fault_round % 2}"),
        "kafka": lambda: whole_deployment.kill("kafka"),
        "postgres": lambda: whole_deployment.kill("postgres"),
    }
    with whole_deployment.under_load(NAMES, WITNESSES[core], PAYMENTS, RATE):
        sleep_a_while(fault_round)
        victims[kind]()
    whole_deployment.check()


def find_workers(node: psutil.Process) -> list[psutil.Process]:
    """Those that verify signatures; another child writes the archive."""
    return [e for e in node.children() if "verification_worker" in " ".join(e.cmdline())]


def kill_worker(whole_deployment: WholeDeployment, core: str) -> None:
    """The process that verifies signatures for `core`; the node itself must not end of it."""
    node = psutil.Process(whole_deployment.get_process_id(core))
    (worker,) = find_workers(node)
    worker.kill()
    assert wait_until(lambda: not is_alive(worker.pid), 10)
    assert wait_until(lambda: len(find_workers(node)) == 1, 30), "nobody verifies signatures"
    assert whole_deployment.get_process_id(core) == node.pid


def test_a_gateway_killed_under_load(whole_deployment: WholeDeployment, fault_round: int) -> None:
    """Clients send the same envelope again, there or elsewhere, and get the first result."""
    load = whole_deployment.workload
    pairs = [*network.PAIRS] if fault_round % 2 == 0 else [*reversed(network.PAIRS)]
    here, elsewhere = (
        whole_deployment.running.place.get_url(f"gateway{pair}.http") for pair in pairs
    )
    payments = make_payments(load, NAMES, 60)

    def submit(url: str, envelope: bytes) -> dict[str, Any]:
        with HorizonClient(url) as client:
            return client.submit_until_final(envelope.removeprefix(FRAME))

    with ThreadPoolExecutor(6) as clients:
        answers = [clients.submit(submit, here, envelope) for _, envelope in payments]
        sleep_a_while(fault_round)
        whole_deployment.kill(f"gateway{pairs[0]}")
        results = [answer.result() for answer in answers]
        again = list(clients.map(lambda pair: submit(elsewhere, pair[1]), payments))
    for (transaction_hash, _), first, second in zip(payments, results, again, strict=True):
        assert first["hash"] == second["hash"] == transaction_hash.hex()
        assert first["ledger_sequence"] == second["ledger_sequence"] is not None
    whole_deployment.check({transaction_hash for transaction_hash, _ in payments})


def test_the_supervisor_killed_under_load(
    whole_deployment: WholeDeployment, fault_round: int
) -> None:
    """All it ran ends with it, as `up` says; started again, the deployment goes on where it was."""
    with whole_deployment.under_load(NAMES, "core2", PAYMENTS, RATE):
        sleep_a_while(fault_round)
        whole_deployment.running.supervisor.kill()
        assert whole_deployment.has_ended()
        whole_deployment.restart()
    whole_deployment.check()


def test_a_node_stopped_for_half_a_minute_catches_up(
    whole_deployment: WholeDeployment, fault_round: int
) -> None:
    """The others go on without it, and keep no more for it than their bounds allow."""
    core = network.CORES[fault_round % len(network.CORES)]
    others = [each for each in network.CORES if each != core]
    before = whole_deployment.get_memory()
    whole_deployment.pause(core)
    try:
        began = time.monotonic()
        with whole_deployment.under_load(
            NAMES, WITNESSES[core], (PAUSE_S - 4) * PAUSE_RATE, PAUSE_RATE
        ):
            pass
        while time.monotonic() < began + PAUSE_S:
            time.sleep(0.1)
        after = whole_deployment.get_memory()
    finally:
        whole_deployment.resume(core)
    grown = {each: after[each] - before[each] for each in others}
    assert max(grown.values()) < GROWTH_BYTES_MAX, f"they grew by {grown} bytes"
    whole_deployment.check()


def test_two_nodes_down_halt_the_network_until_one_is_back(
    whole_deployment: WholeDeployment, fault_round: int
) -> None:
    load = whole_deployment.workload
    down = PAIRS[-1 - fault_round % len(PAIRS)]
    witness = next(core for core in network.CORES if core not in down)
    for core in down:
        whole_deployment.stop(core)
    payments = make_payments(load, NAMES, 10)
    hashes = {transaction_hash for transaction_hash, _ in payments}
    follower = Follower.open(load.kafka, witness)
    load.produce(envelope for _, envelope in payments)
    with pytest.raises(TimeoutError):
        follower.wait_for(hashes, HALTED_S)
    status = whole_deployment.get_statuses()[witness]
    assert status is not None
    assert status["missing"] == list(down)
    assert status["has_quorum"] is False
    assert any(each.startswith("no quorum since") for each in status["problems"])
    whole_deployment.start(down[0])
    follower.wait_for(hashes, CLOSED_S)
    whole_deployment.start(down[1])
    whole_deployment.check(hashes)
