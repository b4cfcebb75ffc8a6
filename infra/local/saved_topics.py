"""Every topic in a backup, and back: records with their keys, in order, by partition.

Offsets begin anew. Who stores offsets beside his data says in his row what is to be done about it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro

from infra.local.errors import LocalError
from infra.local.kafka_admin import Topic
from infra.local.rows import Report
from schemas.topics import MESSAGE_BYTES_MAX

SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "tokend.backup.Record",
        "fields": [
            {"name": "partition", "type": "int"},
            {"name": "key", "type": ["null", "bytes"]},
            {"name": "value", "type": ["null", "bytes"]},
        ],
    }
)
ANSWER_S, SILENT_S = 30.0, 60.0
AT_ONCE = 500


def save_topics(
    administrator: Mapping[str, Any], topics: Sequence[Topic], folder: Path, report: Report
) -> None:
    """What is on the topics when it is their turn."""
    for topic in topics:
        with (folder / f"{topic.name}.avro").open("wb") as file:
            fastavro.writer(file, SCHEMA, _read(administrator, topic), codec="zstandard")
        report(f"saved topic {topic.name}")


def _read(administrator: Mapping[str, Any], topic: Topic) -> Iterator[dict[str, Any]]:
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer(
        {
            **administrator,
            "group.id": "backup",
            "enable.auto.commit": False,
            "fetch.message.max.bytes": MESSAGE_BYTES_MAX,
        }
    )
    try:
        for partition in range(topic.partitions):
            place = TopicPartition(topic.name, partition)
            low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
            consumer.assign([TopicPartition(topic.name, partition, low)])
            heard = time.monotonic()
            while low < high:
                for message in consumer.consume(AT_ONCE, timeout=1.0):
                    if message.error() is not None:
                        raise LocalError(f"topic {topic.name}: {message.error()}")
                    offset = message.offset()
                    if offset is None or offset >= high:
                        break
                    low, heard = offset + 1, time.monotonic()
                    yield {
                        "partition": partition,
                        "key": message.key(),
                        "value": message.value(),
                    }
                if time.monotonic() - heard > SILENT_S:
                    raise LocalError(f"topic {topic.name}: its records do not come")
    finally:
        consumer.close()


def restore_topics(
    administrator: Mapping[str, Any], topics: Sequence[Topic], folder: Path, report: Report
) -> None:
    """Onto topics that are new and empty."""
    from confluent_kafka import Producer

    failures: list[str] = []
    producer = Producer(
        {
            **administrator,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "message.max.bytes": MESSAGE_BYTES_MAX,
        }
    )

    def note(error: Any, _: Any) -> None:
        if error is not None:
            failures.append(str(error))

    for topic in topics:
        file = folder / f"{topic.name}.avro"
        if not file.exists():
            continue  # the topic is newer than the backup
        count = 0
        with file.open("rb") as stream:
            for row in fastavro.reader(stream):
                _produce(producer, topic.name, row, note)
                count += 1
        if producer.flush(SILENT_S) or failures:
            raise LocalError(f"topic {topic.name}: {failures[0] if failures else 'no broker'}")
        report(f"restored topic {topic.name}: {count} records")


def _produce(producer: Any, topic: str, row: Any, note: Any) -> None:
    """Waits where the producer is full."""
    while True:
        try:
            producer.produce(
                topic, row["value"], row["key"], partition=row["partition"], on_delivery=note
            )
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return
