"""Publishing while the broker is away: ledgers wait, nothing is lost, also not with a client."""

import asyncio
import itertools
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, TopicPartition

from infra.local.kafka_admin import Topic
from schemas.codec import unframe
from schemas.generated.common import Hash
from schemas.generated.events import Rejection, RejectionCode
from schemas.generated.ledger import LedgerRecord
from schemas.settings import KafkaSettings
from schemas.topics import get_ledgers_topic, get_rejections_topic
from streams.ledger.admission import RejectionReason
from streams.node.publisher import REJECTIONS_WAITING_MAX, Publisher
from streams.node.rejections import make_rejection
from streams.node.store import StoredRecord
from tests.support.network import make_economy
from tests.support.nowhere import NOWHERE, load_nothing
from tests.support.servers import Servers
from tests.support.workload import get_reader_settings

REASON = RejectionReason(RejectionCode.MALFORMED, "it is nothing")
PRODUCER_MESSAGES_MAX = 100_000


def test_a_flood_of_rejections_leaves_room_for_ledgers() -> None:
    """What does not fit is not told: it is provisional. Else the next ledger would end the node."""
    publisher = Publisher(NOWHERE, "core1", load_nothing)
    for number in range(PRODUCER_MESSAGES_MAX + 1):
        envelope_hash = Hash(number.to_bytes(32, "big"))
        publisher.tell(make_rejection(envelope_hash, REASON, 1, 0))
    assert len(publisher._producer) < 2 * REJECTIONS_WAITING_MAX
    records = make_economy().records
    for sequence, record in enumerate(records, start=1):
        publisher._produce(sequence, record)
    assert publisher.published == len(records)
    publisher._producer.purge()


@pytest.mark.timeout(120)
def test_a_client_that_is_replaced_loses_nothing(own_servers: Servers) -> None:
    """Ledgers that were not acknowledged, and rejections, are produced again by the new one."""
    network = make_economy()
    node = own_servers.get_prefix() + "core1"
    topics = (get_ledgers_topic(node), get_rejections_topic(node))
    own_servers.create_topics([Topic(each) for each in topics])
    hashes = {Hash(number.to_bytes(32, "big")) for number in range(100)}

    async def load(first: int, bytes_max: int) -> list[StoredRecord]:
        del bytes_max
        records = network.records[first - 1 :]
        return [StoredRecord(first + index, each) for index, each in enumerate(records)]

    def is_done(publisher: Publisher) -> bool:
        return publisher.published == len(network.records) and publisher.is_idle

    async def publish() -> None:
        publisher = Publisher(own_servers.kafka, node, load)
        running = asyncio.create_task(publisher.run())
        await until(running, lambda: is_done(publisher))
        await asyncio.to_thread(own_servers.stop, "kafka")
        for number in range(3):
            network.close()
            publisher.add(len(network.records), network.records[-1] if number else None)
        for each in hashes:
            publisher.tell(make_rejection(each, REASON, 1, 0))
        await until(running, lambda: publisher.watch.rebuilds > 0)
        await asyncio.to_thread(own_servers.start, "kafka")
        await until(running, lambda: is_done(publisher))
        running.cancel()

    asyncio.run(publish())
    ledgers = [unframe(LedgerRecord, each) for each in read_all(own_servers.kafka, topics[0])]
    assert [record for record, _ in itertools.groupby(ledgers)] == network.records
    rejections = [unframe(Rejection, each) for each in read_all(own_servers.kafka, topics[1])]
    assert {each.envelope_hash for each in rejections} == hashes


async def until(running: asyncio.Task[None], condition: Callable[[], object]) -> None:
    """Raises what ended `running`."""
    while not condition():
        if running.done():
            running.result()
        await asyncio.sleep(0.02)


def read_all(kafka: KafkaSettings, topic: str) -> list[bytes]:
    """The values of the topic's one partition."""
    consumer = Consumer(get_reader_settings(kafka))
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
    consumer.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes] = []
    while len(values) < end:
        values += [each.value() or b"" for each in consumer.consume(end - len(values), 1)]
    consumer.close()
    return values
