"""`kill -9` of each kind of process under load: nothing is lost, nothing happens twice.

The killed process comes back by the supervisor's doing alone.
"""

import threading
import time

import pytest

from infra.local import network
from tests.integration.conftest import NAMES
from tests.support.whole_set import WholeSet
from tests.support.workload import Follower, make_payments

PAYMENTS, RATE = 1_200, 200
KILL_AFTER_S = 2.0
CLOSED_S = 60
HALTED_S = 8


@pytest.mark.servers
@pytest.mark.parametrize("victim", ["core1", "core3", "horizon1", "kafka", "postgres"])
def test_a_process_killed_under_load(whole_set: WholeSet, victim: str) -> None:
    load = whole_set.workload
    payments = make_payments(load, NAMES, PAYMENTS)
    hashes = {transaction_hash for transaction_hash, _ in payments}
    follower = Follower.open(load.bootstrap_servers, "core4")
    producing = threading.Thread(
        target=load.produce, args=([envelope for _, envelope in payments], RATE)
    )
    producing.start()
    time.sleep(KILL_AFTER_S)
    whole_set.kill(victim)
    producing.join()
    follower.wait_for(hashes, CLOSED_S)
    whole_set.check(hashes)


@pytest.mark.servers
def test_all_nodes_killed_at_once_under_load(whole_set: WholeSet) -> None:
    load = whole_set.workload
    payments = make_payments(load, NAMES, PAYMENTS)
    hashes = {transaction_hash for transaction_hash, _ in payments}
    follower = Follower.open(load.bootstrap_servers, "core2")
    producing = threading.Thread(
        target=load.produce, args=([envelope for _, envelope in payments], RATE)
    )
    producing.start()
    time.sleep(KILL_AFTER_S)
    for core in network.CORES:
        whole_set.kill(core)
    producing.join()
    follower.wait_for(hashes, CLOSED_S)
    whole_set.check(hashes)


@pytest.mark.servers
def test_two_nodes_down_halt_the_network_until_one_is_back(whole_set: WholeSet) -> None:
    load = whole_set.workload
    for core in ("core3", "core4"):
        whole_set.stop(core)
    payments = make_payments(load, NAMES, 10)
    hashes = {transaction_hash for transaction_hash, _ in payments}
    follower = Follower.open(load.bootstrap_servers, "core1")
    load.produce(envelope for _, envelope in payments)
    with pytest.raises(TimeoutError):
        follower.wait_for(hashes, HALTED_S)
    status = whole_set.get_statuses()["core1"]
    assert status is not None
    assert status["missing"] == ["core3", "core4"]
    whole_set.start("core3")
    follower.wait_for(hashes, CLOSED_S)
    whole_set.start("core4")
    whole_set.check(hashes)
