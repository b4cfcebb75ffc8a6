"""Reading a ledgers topic outside of Faust: from any offset, in bulk, and where a ledger lies.

A ledgers topic has one partition. First occurrences of ledgers ascend without a gap and repeats
only come between them, so a ledger never lies before the offset at which it would lie if there
were no repeats: that is where looking for it begins.
"""

import contextlib
import uuid
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from processors.ledger_feed.follow import get_sequence
from schemas.settings import KafkaSettings

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
WAIT_S = 30.0
PARTITION = 0


class TopicUnavailable(Exception):
    """The topic cannot be read; the message says which and what to do."""


class Message(NamedTuple):
    """A record and where it lies."""

    offset: int
    value: bytes


class TopicReader:
    """Reads one topic without a group: nothing is committed to Kafka."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self.topic = topic
        self.consumer = Consumer(
            {
                **kafka.get_client_settings(),
                "group.id": f"{kafka.user}.{uuid.uuid4()}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.message.max.bytes": MESSAGE_BYTES_MAX,
                "receive.message.max.bytes": 4 * MESSAGE_BYTES_MAX,
                "queued.max.messages.kbytes": 4 * MESSAGE_BYTES_MAX // 1024,
                # A read elsewhere waits for the fetch that is under way.
                "fetch.wait.max.ms": 20,
                "log_level": 0,
            }
        )
        self.assigned: int | None = None  # the next offset to come, where reading goes on

    def close(self) -> None:
        self.consumer.close()

    def get_range(self) -> tuple[int, int]:
        """The first offset there is and the one after the last. Raises `TopicUnavailable`."""
        partition = TopicPartition(self.topic, PARTITION)
        try:
            low, high = self.consumer.get_watermark_offsets(partition, timeout=WAIT_S)
        except KafkaException as error:
            reason = error.args[0]
            known = isinstance(reason, KafkaError)
            text = reason.str() if known else str(error)
            raise TopicUnavailable(
                f"topic {self.topic}: {text}: check its name and that Kafka is running"
            ) from None
        return low, high

    def read(self, offset: int, count: int, wait_s: float = WAIT_S) -> list[Message]:
        """Up to `count` records from `offset` on; fewer, or none, if they do not come in time."""
        if self.assigned != offset:
            self.consumer.assign([TopicPartition(self.topic, PARTITION, offset)])
        messages = []
        for message in self.consumer.consume(count, timeout=wait_s):
            problem, value, at = message.error(), message.value(), message.offset()
            if problem is not None:
                self.assigned = None
                raise TopicUnavailable(f"topic {self.topic}: {problem.str()}")
            messages.append(Message(at if at is not None else offset, value or b""))
        self.assigned = messages[-1].offset + 1 if messages else offset
        return messages

    def locate(self, sequence: int) -> int:
        """An offset at or before that of ledger `sequence`, as late as can be told; the end of the
        topic if it comes later. Raises `ForgedLedger` and `TopicUnavailable`.
        """
        low, high = self.get_range()
        if low == high:
            return low
        first = self.get_sequence(low)
        guess = min(low + max(sequence - first, 0), high)
        if guess < high and self.get_sequence(guess) > sequence:
            return low  # the topic has a gap: look at all of it
        return guess

    def get_start(self, sequence: int, hint: int | None) -> int:
        """Where to read from for ledger `sequence` on; `hint` is right if `sequence` - 1 lies
        before it.
        """
        low, high = self.get_range()
        if hint is not None and low < hint <= high and self.get_sequence(hint - 1) == sequence - 1:
            return hint
        return self.locate(sequence)

    def get_sequence(self, offset: int) -> int:
        messages = self.read(offset, 1)
        if not messages:
            raise TopicUnavailable(f"topic {self.topic}: the record at {offset} does not come")
        return get_sequence(messages[0].value)


@contextlib.contextmanager
def open_topic(kafka: KafkaSettings, topic: str) -> Iterator[TopicReader]:
    reader = TopicReader(kafka, topic)
    try:
        yield reader
    finally:
        reader.close()
