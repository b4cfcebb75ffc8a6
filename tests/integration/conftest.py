"""One whole network for all integration tests that do not need their own."""

from collections.abc import Iterator

import pytest

from tests.support.whole_set import WholeSet, start_whole_set
from tests.support.workload import Follower, make_economy

NAMES = [f"payer {number}" for number in range(50)]


@pytest.fixture(scope="session")
def whole_set() -> Iterator[WholeSet]:
    """Four nodes, two Horizon pairs, an issuer and fifty payers."""
    with start_whole_set() as running:
        load = running.workload
        make_economy(load, NAMES, Follower.open(load.kafka, "core1"))
        yield running
