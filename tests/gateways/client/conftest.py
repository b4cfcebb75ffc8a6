"""A gateway whose network closes what comes to its ingest topic, as core nodes would."""

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer

from schemas.codec import unframe
from schemas.generated.transactions import TransactionEnvelope
from tests.gateways.support import Gateway, run_gateway
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def network(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with run_gateway(servers, tmp_path_factory.mktemp("gateway")) as gateway:
        stopping = threading.Event()
        closer = threading.Thread(target=_close_all, args=(gateway, stopping))
        closer.start()
        yield gateway
        stopping.set()
        closer.join(20)


def _close_all(gateway: Gateway, stopping: threading.Event) -> None:
    """One ledger for every message of the topic."""
    world = gateway.world
    consumer = Consumer(
        {
            **gateway.servers.kafka.get_client_settings(),
            "group.id": gateway.servers.get_prefix("closer"),
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([gateway.topic])
    while not stopping.is_set():
        message = consumer.poll(0.05)
        value = None if message is None else message.value()
        if value is None:
            continue
        unframe(TransactionEnvelope, value)
        candidate = world.network.admit(value[10:])
        known = world.network.ledger.window.has(
            candidate.transaction_hash, candidate.transaction.max_time_ms
        )
        if not known:
            world.close(candidate)
    consumer.close()
