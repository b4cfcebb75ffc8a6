"""Reading the ingest topic from a real broker: whatever stands on it, what is good is read once.

The topics here are as an operator may have made them who knows nothing of tokend; on its own the
broker refuses what cannot be read (tests/integration/test_hostile_ingest.py).
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from infra.local.kafka_admin import Topic
from schemas.settings import KafkaSettings
from streams.node.topic_check import find_faults
from streams.node.topic_reader import Passed, Read, TopicReader
from tests.support.servers import Servers

pytestmark = pytest.mark.timeout(120)
BOMB_BYTES = 120_000_000  # more than a client unpacks
WAIT_S = 90


@dataclass
class Reading:
    """What a reader gave, by partition: values, and what it passed."""

    reader: TopicReader = field(init=False)
    values: dict[int, list[bytes]] = field(default_factory=dict)
    passed: list[Passed] = field(default_factory=list)

    def give(self, read: Sequence[Read]) -> None:
        for each in read:
            if isinstance(each, Passed):
                self.passed.append(each)
            else:
                self.values.setdefault(each.partition() or 0, []).append(each.value() or b"")

    def wait_for(self, partition: int, values: list[bytes], wait_s: float = WAIT_S) -> None:
        deadline = time.monotonic() + wait_s
        while len(self.values.get(partition, ())) < len(values) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert self.values.get(partition) == values


@contextmanager
def read(
    kafka: KafkaSettings, topic: str, starts: dict[int, int] | None = None
) -> Iterator[Reading]:
    reading = Reading()
    reader = reading.reader = TopicReader(kafka, topic, starts or {}, reading.give)
    thread = threading.Thread(target=reader.run)
    thread.start()
    try:
        yield reading
    finally:
        reader.stop()
        thread.join(WAIT_S)
        assert not thread.is_alive()


def produce(kafka: KafkaSettings, topic: str, values: Sequence[bytes], **settings: object) -> None:
    """All values in one batch, where they fit into one; returns once the broker has them."""
    problems: list[KafkaError] = []

    def note(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            problems.append(error)

    defaults = {"message.max.bytes": 1_000_000_000, "batch.size": 1_000_000_000, "linger.ms": 200}
    producer = Producer({**kafka.get_client_settings(), **defaults, "log_level": 0, **settings})
    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=note)
    assert producer.flush(60) == 0
    assert problems == []


def make_values(count: int, word: bytes) -> list[bytes]:
    return [word + b"%d" % number for number in range(count)]


def make_topic(servers: Servers, **config: str) -> str:
    topic = servers.get_prefix() + "transactions"
    settings = {name.replace("_", "."): value for name, value in config.items()}
    servers.create_topics([Topic(topic, 1, settings)])
    return topic


@pytest.mark.parametrize("records", [1, 130])
def test_a_batch_that_cannot_be_unpacked_is_passed_and_nothing_else(
    servers: Servers, records: int
) -> None:
    topic, kafka = make_topic(servers), servers.kafka
    before, after = make_values(5, b"before"), make_values(9, b"after")
    bomb = [bytes(BOMB_BYTES // records)] * records
    produce(kafka, topic, before)
    with read(kafka, topic) as reading:
        produce(kafka, topic, bomb, **{"compression.codec": "zstd"})
        produce(kafka, topic, after)
        wait_until(lambda: reading.passed)
        (passed,) = reading.passed
        assert passed.first == len(before)
        # What the producer sent in another batch, which is smaller, is read.
        expected = before + bomb[passed.end - passed.first :] + after
        reading.wait_for(0, expected)
        assert passed.end - passed.first > records // 2
        assert not reading.reader.is_stuck
    with read(kafka, topic) as again:
        again.wait_for(0, expected)


def test_a_bomb_at_the_end_of_a_partition_does_not_have_it_read_from_its_beginning(
    servers: Servers,
) -> None:
    topic, kafka = make_topic(servers), servers.kafka
    before = make_values(5, b"before")
    produce(kafka, topic, before)
    produce(kafka, topic, [bytes(BOMB_BYTES)], **{"compression.codec": "zstd"})
    with read(kafka, topic) as reading:
        wait_until(lambda: reading.passed)
        time.sleep(0.5)
        produce(kafka, topic, [b"after"])
        reading.wait_for(0, [*before, b"after"])


def test_partitions_that_are_added_are_read_within_seconds(servers: Servers) -> None:
    topic, kafka = make_topic(servers), servers.kafka
    produce(kafka, topic, [b"first"])
    with read(kafka, topic) as reading:
        reading.wait_for(0, [b"first"])
        admin = AdminClient(kafka.get_client_settings())
        admin.create_partitions([NewPartitions(topic, 3)])[topic].result(30)
        producer = Producer(
            {**kafka.get_client_settings(), "topic.metadata.refresh.interval.ms": 200}
        )
        wait_until(lambda: len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == 3)
        producer.produce(topic, b"second", partition=2)
        assert producer.flush(30) == 0
        reading.wait_for(2, [b"second"], wait_s=8)


def test_a_reader_whose_client_is_replaced_goes_on_where_it_was(own_servers: Servers) -> None:
    topic, kafka = make_topic(own_servers), own_servers.kafka
    values = make_values(5, b"before")
    produce(kafka, topic, values)
    with read(kafka, topic) as reading:
        reading.wait_for(0, values)
        own_servers.stop("kafka")
        wait_until(lambda: reading.reader.watch.rebuilds > 0)
        assert reading.reader.watch.get_away_s() > 4
        own_servers.start("kafka")
        own_servers.wait_until_ready()
        after = make_values(5, b"after")
        produce(kafka, topic, after)
        reading.wait_for(0, values + after)
        wait_until(lambda: reading.reader.watch.get_away_s() == 0)


@pytest.mark.parametrize(
    ("config", "faults"),
    [
        ({"message_timestamp_type": "LogAppendTime", "compression_type": "uncompressed"}, []),
        (
            {"message_timestamp_type": "CreateTime", "compression_type": "uncompressed"},
            ["message.timestamp.type"],
        ),
        (
            {"message_timestamp_type": "CreateTime"},
            ["message.timestamp.type", "compression.type"],
        ),
    ],
)
def test_a_topic_that_is_not_set_as_it_should_be_is_told_of(
    servers: Servers, config: dict[str, str], faults: list[str]
) -> None:
    topic = make_topic(servers, **config)
    found = find_faults(servers.kafka, topic, threading.Event())
    assert [name for name, fault in zip(faults, found, strict=True) if name in fault] == faults


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)
