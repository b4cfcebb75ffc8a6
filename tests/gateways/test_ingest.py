"""The producer of gateways and of the client library: nothing is lost with a broker or a client."""

import contextlib
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, TopicPartition

from gateways.ingest import FRAME, IngestProducer
from infra.local.kafka_admin import Topic
from infra.local.processes import wait_until
from schemas.settings import KafkaSettings
from tests.support.servers import Servers
from tests.support.workload import get_reader_settings

KEY = bytes(32)


@contextlib.contextmanager
def open_producer(servers: Servers) -> Iterator[tuple[IngestProducer, str]]:
    topic = servers.get_prefix("ingest") + "transactions"
    servers.create_topics([Topic(topic)])
    producer = IngestProducer(servers.kafka, topic)
    try:
        yield producer, topic
    finally:
        producer.close()


def make_envelopes(count: int, mark: str) -> list[bytes]:
    return [f"{mark} {number}".encode() for number in range(count)]


def read_all(kafka: KafkaSettings, topic: str) -> set[bytes]:
    consumer = Consumer(get_reader_settings(kafka))
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=30)
    consumer.assign([TopicPartition(topic, 0, 0)])
    values: list[bytes] = []
    while len(values) < end:
        values += [each.value() or b"" for each in consumer.consume(end - len(values), 1)]
    consumer.close()
    return {each.removeprefix(FRAME) for each in values}


@pytest.mark.timeout(120)
def test_a_client_that_is_replaced_loses_nothing(
    own_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for the broker is produced again by the new client."""
    monkeypatch.setattr("gateways.ingest.DELIVERY_MILLISECONDS", 60_000)
    with open_producer(own_servers) as (producer, topic):
        before, waiting = make_envelopes(20, "before"), make_envelopes(20, "waiting")
        for each in before:
            producer.produce(each, KEY).result(20)
        own_servers.stop("kafka")
        futures = [producer.produce(each, KEY) for each in waiting]
        assert wait_until(lambda: producer.watch.rebuilds > 0, 30)
        own_servers.start("kafka")
        for future in futures:
            future.result(60)
        assert read_all(own_servers.kafka, topic) == {*before, *waiting}


def test_who_no_longer_waits_disturbs_nobody(servers: Servers) -> None:
    """A request that is cancelled, while the broker has not answered, leaves the producer well."""
    with open_producer(servers) as (producer, topic):
        envelopes = make_envelopes(50, "cancelled")
        for each in envelopes:
            producer.produce(each, KEY).cancel()
        producer.produce(b"last", KEY).result(20)
        assert read_all(servers.kafka, topic) == {*envelopes, b"last"}
