"""More than the nodes can close at once waits in Kafka; nothing honest is turned away."""

import pytest

from tests.integration.conftest import NAMES
from tests.support.deployments import make_one_node_table, start_deployment
from tests.support.workload import Deployment, Follower, make_economy, make_payments

PAYMENTS = 20_000  # twice what a node lets wait


@pytest.mark.servers
def test_a_flood_of_payments_waits_outside_and_is_closed_whole() -> None:
    with start_deployment(make_one_node_table(), "core") as running:
        load = Deployment.open(running.place.folder.root)
        make_economy(load, NAMES, Follower.open(load.kafka, "core1"))
        payments = make_payments(load, NAMES, PAYMENTS)
        follower = Follower.open(load.kafka, "core1")
        load.produce(envelope for _, envelope in payments)
        follower.wait_for({transaction_hash for transaction_hash, _ in payments}, 120)
