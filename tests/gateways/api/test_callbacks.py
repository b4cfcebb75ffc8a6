"""A gateway's webhook is passed on as a hint: that it called, and nothing of what it said."""

from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.local.kafka_admin import Topic
from schemas.codec import unframe
from schemas.generated.events import GatewayCallback
from schemas.topics import CALLBACKS_TOPIC
from tests.gateways.api.support import CALLED, Apis
from tests.gateways.support import wait_until
from tests.support.servers import Servers


@pytest.fixture
def consumer(servers: Servers) -> Iterator[Consumer]:
    servers.create_topics([Topic(CALLBACKS_TOPIC, 1)])
    made = Consumer(
        {**servers.kafka.get_client_settings(), "group.id": servers.get_prefix("callbacks")}
    )
    made.assign([TopicPartition(CALLBACKS_TOPIC, 0, 0)])
    yield made
    made.close()


def test_a_call_is_a_hint_once_a_second(apis: Apis, consumer: Consumer) -> None:
    path = f"/v1/callbacks/{CALLED.removeprefix('bank:')}"
    for _ in range(3):
        answer = apis.send("POST", path, None, {"paid": "a secret of the gateway's"})
        assert answer.status_code == 204
    found = []

    def poll() -> bool:
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(unframe(GatewayCallback, message.value() or b""))
        return bool(found)

    wait_until(poll, 30)
    assert {each.chain_id for each in found} == {CALLED}
    while (message := consumer.poll(1.0)) is not None:
        if message.error() is None:
            found.append(unframe(GatewayCallback, message.value() or b""))
    assert len(found) <= 2


def test_others_are_not_known(apis: Apis) -> None:
    assert apis.send("POST", "/v1/callbacks/nobody", None, {}).status_code == 404
    assert apis.send("POST", "/v1/callbacks/a b", None, {}).status_code in (400, 404)
