"""Reading a ledgers topic outside of Faust: from any offset, in bulk, and where a ledger lies.

A ledgers topic has one partition. First occurrences of ledgers ascend without a gap and repeats
only come between them, so a ledger never lies before the offset at which it would lie if there
were no repeats: that is where looking for it begins.
"""

import contextlib
import time
import uuid
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from processors.ledger_feed.follow import get_sequence
from schemas.settings import KafkaSettings
from schemas.topics import MESSAGE_BYTES_MAX
from streams.broker import (
    AGAIN_S,
    ANSWER_S,
    AWAY,
    BrokerWatch,
    is_passing,
    make_consumer_settings,
)

WAIT_S = 30.0
LOOK_S = 1.0  # how often a reader that waits looks whether its client is lost
PARTITION = 0


class TopicUnavailable(Exception):
    """The topic cannot be read; the message says which and what to do."""


class Message(NamedTuple):
    """A record and where it lies."""

    offset: int
    value: bytes


class TopicReader:
    """Reads one topic without a group: nothing is committed to Kafka.

    A broker that is away is waited for, up to `WAIT_S`; a client that lost its brokers is replaced.
    `fetch_wait_ms`: how long the broker may hold a fetch for which there is nothing.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, fetch_wait_ms: int = 20) -> None:
        self.topic = topic
        self.watch = BrokerWatch(f"reader of {topic}")
        self._settings = {
            **make_consumer_settings(kafka, str(uuid.uuid4()), self.watch),
            "receive.message.max.bytes": 4 * MESSAGE_BYTES_MAX,
            "queued.max.messages.kbytes": 4 * MESSAGE_BYTES_MAX // 1024,
            # A read elsewhere waits for the fetch that is under way.
            "fetch.wait.max.ms": fetch_wait_ms,
        }
        self._consumer = Consumer(self._settings)
        self._assigned: int | None = None  # the next offset to come, where reading goes on

    def close(self) -> None:
        self._consumer.close()

    def _replace_client(self) -> None:
        self._consumer.close()
        self._consumer = Consumer(self._settings)
        self._assigned = None

    def get_range(self) -> tuple[int, int]:
        """The first offset there is and the one after the last. Raises `TopicUnavailable`."""
        place = TopicPartition(self.topic, PARTITION)
        since = time.monotonic()
        while True:
            try:
                low, high = self._consumer.get_watermark_offsets(place, timeout=ANSWER_S)
                return low, high
            except KafkaException as error:
                reason: KafkaError = error.args[0]
            if not is_passing(reason, since) or time.monotonic() - since > WAIT_S:
                raise TopicUnavailable(
                    f"topic {self.topic}: {reason.str()}: check its name and that Kafka is running"
                )
            self._replace_client()  # this one may have lost its brokers
            time.sleep(AGAIN_S)

    def read(self, offset: int, count: int, wait_s: float = WAIT_S) -> list[Message]:
        """Up to `count` records from `offset` on; fewer, or none, if they do not come in time.
        Raises `TopicUnavailable`."""
        messages: list[Message] = []
        deadline = time.monotonic() + wait_s
        while True:
            left_s = max(0.0, deadline - time.monotonic())
            messages += self._consume(offset, count - len(messages), min(left_s, LOOK_S))
            if len(messages) == count or not left_s:
                return messages
            offset = messages[-1].offset + 1 if messages else offset

    def _consume(self, offset: int, count: int, wait_s: float) -> list[Message]:
        if self.watch.is_lost:
            self._replace_client()
            self.watch.note_rebuilt()
        if self._assigned != offset:
            self._consumer.assign([TopicPartition(self.topic, PARTITION, offset)])
            self._assigned = offset
        messages: list[Message] = []
        for message in self._consumer.consume(count, timeout=wait_s):
            problem, value, at = message.error(), message.value(), message.offset()
            if problem is None:
                messages.append(Message(at if at is not None else offset, value or b""))
            elif problem.code() not in AWAY:
                self._assigned = None
                raise TopicUnavailable(f"topic {self.topic}: {problem.str()}")
        if messages:
            self._assigned = messages[-1].offset + 1
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

    def locate_time(self, time_ms: int) -> int:
        """The offset of the first record that the broker took at `time_ms` or later; the end of the
        topic if there is none. Raises `TopicUnavailable`."""
        _, high = self.get_range()
        wanted = TopicPartition(self.topic, PARTITION, time_ms)
        try:
            (found,) = self._consumer.offsets_for_times([wanted], timeout=ANSWER_S)
        except KafkaException as error:
            raise TopicUnavailable(f"topic {self.topic}: {error}") from None
        return int(found.offset) if found.offset >= 0 else high

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
