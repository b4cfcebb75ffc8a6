"""`kill -9` of each kind of process under load: nothing is lost, nothing happens twice.

The killed process comes back by the supervisor's doing alone.
"""

import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.whole_set import WholeSet, start_whole_set
from tests.support.workload import Follower, make_economy, make_payments

NAMES = [f"payer {number}" for number in range(50)]
PAYMENTS, RATE = 1_200, 200
KILL_AFTER_S = 2.0
CLOSED_S = 60


@pytest.fixture(scope="module")
def whole_set() -> Iterator[WholeSet]:
    with start_whole_set() as running:
        load = running.workload
        make_economy(load, NAMES, Follower.open(load.bootstrap_servers, "core1"))
        yield running


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
