"""Reads all partitions of the ingest topic, for ever, in a thread of its own. Shell.

Partitions that are added are found within seconds. A client that lost its brokers is replaced. A
batch that cannot be read (librdkafka cannot unpack it, or does not know its form) is passed after
some tries: otherwise one producer could keep a node from reading for good.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.settings import KafkaSettings
from streams.broker import AWAY, BrokerWatch, make_consumer_settings
from streams.herder.passage import Passage

BATCH_MAX = 500
WAIT_S = 0.25  # for a first message; one that comes is not kept waiting
GATHER_S = 0.02  # for more of them
REFRESH_S = 3.0
ASK_S = 1.0
TRIES_MAX = 3
UNREADABLE = (
    KafkaError._BAD_COMPRESSION,
    KafkaError._BAD_MSG,
    KafkaError._NOT_IMPLEMENTED,
    KafkaError._UNDERFLOW,
    KafkaError.INVALID_MSG,
    KafkaError.MSG_SIZE_TOO_LARGE,
)
# What is read ahead: thousands of envelopes, but few of the largest messages that a broker takes,
# which cost a node their size several times over. One that is larger than a fetch still comes. Once
# that much waits, the library would look away for a second: a few huge messages held up all others.
FETCH_SETTINGS = {
    "fetch.message.max.bytes": 1024 * 1024,
    "queued.max.messages.kbytes": 8 * 1024,
    "fetch.queue.backoff.ms": 20,
    "fetch.error.backoff.ms": 100,
    # A transaction that nobody ends would hold up who waits for its end.
    "isolation.level": "read_uncommitted",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Passed:
    """A batch that could not be read: the offsets from `first` to before `end` of `partition`."""

    partition: int
    first: int
    end: int
    reason: str


Read: TypeAlias = Message | Passed


class TopicReader:
    """`give` takes what was read, in the order of each partition, and may block; `starts` are the
    offsets to read from, 0 where there is none."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        starts: Mapping[int, int],
        give: Callable[[Sequence[Read]], None],
    ) -> None:
        self._kafka = kafka
        self._topic = topic
        self._give = give
        self._next = dict(starts)  # by partition, the offset to read next
        self._assigned: set[int] = set()
        self._failures: dict[int, tuple[int, int, str]] = {}  # by partition: offset, tries, reason
        self._passages: dict[int, Passage] = {}
        self._refreshed_at = -REFRESH_S
        self._is_stopping = threading.Event()
        self.watch = BrokerWatch("ingest")

    @property
    def is_stuck(self) -> bool:
        """Whether the end of a batch that cannot be read is being looked for."""
        return bool(self._failures)

    def stop(self) -> None:
        self._is_stopping.set()

    def run(self) -> None:
        """Until `stop`. Raises KafkaException when the client has failed for good."""
        while not self._is_stopping.is_set():
            self._run_client()
            if not self._is_stopping.is_set():
                self.watch.note_rebuilt()

    def _run_client(self) -> None:
        """One client, until the reader stops or the client is lost."""
        settings = make_consumer_settings(self._kafka, "ingest", self.watch)
        consumer = Consumer({**settings, **FETCH_SETTINGS})
        self._assigned.clear()
        self._failures.clear()
        self._passages.clear()
        self._refreshed_at = -REFRESH_S
        try:
            while not self._is_stopping.is_set() and not self.watch.is_lost:
                self._find_partitions(consumer)
                first = consumer.poll(WAIT_S)
                if first is not None:
                    more = consumer.consume(BATCH_MAX - 1, timeout=GATHER_S)
                    read = self._sort(consumer, [first, *more])
                    if read:
                        self._give(read)
        finally:
            consumer.close()

    def _find_partitions(self, consumer: Consumer) -> None:
        """Begins to read those that are new."""
        if time.monotonic() - self._refreshed_at < REFRESH_S:
            return
        try:
            found = consumer.list_topics(self._topic, timeout=ASK_S).topics[self._topic]
        except KafkaException as error:
            if error.args[0].code() not in AWAY:
                raise
            return
        self._refreshed_at = time.monotonic()
        if found.error is not None:
            log.warning("the ingest topic cannot be read now", error=found.error.str())
        new = sorted(set(found.partitions) - self._assigned)
        if new:
            log.info("reading", topic=self._topic, partitions=new)
            self._assigned.update(new)
            consumer.incremental_assign(
                [TopicPartition(self._topic, each, self._next.get(each, 0)) for each in new]
            )

    def _sort(self, consumer: Consumer, messages: Sequence[Message]) -> list[Read]:
        """The good ones, and what was passed. What comes of a partition after its reading was set
        elsewhere is dropped: it comes again."""
        read: list[Read] = []
        moved: set[int] = set()
        for message in messages:
            partition, offset, error = message.partition(), message.offset(), message.error()
            if partition is None or offset is None or not _is_of_partition(error):
                self._tell(error)
            elif partition in moved:
                continue
            elif partition in self._passages:
                moved.add(partition)
                read += self._search(consumer, partition, error is not None, offset)
            elif error is None:
                self._failures.pop(partition, None)
                self._next[partition] = offset + 1
                read.append(message)
            elif self._has_failed_for_good(partition, offset):
                moved.add(partition)
                read += self._begin_search(consumer, partition, offset, error.str())
        return read

    def _tell(self, error: KafkaError | None) -> None:
        """It concerns no batch. Raises KafkaException when the client cannot go on."""
        if error is not None and error.fatal():
            raise KafkaException(error)
        log.warning("the ingest topic cannot be read now", error=str(error))

    def _has_failed_for_good(self, partition: int, offset: int) -> bool:
        """Counts the tries: what harmed a batch on its way does not do so each time."""
        known, tries, _ = self._failures.get(partition, (offset, 0, ""))
        tries = tries + 1 if known == offset else 1
        self._failures[partition] = (offset, tries, "")
        return tries >= TRIES_MAX

    def _begin_search(
        self, consumer: Consumer, partition: int, offset: int, reason: str
    ) -> list[Read]:
        place = TopicPartition(self._topic, partition)
        try:
            _, end = consumer.get_watermark_offsets(place, timeout=ASK_S)
        except KafkaException:
            return []  # the next failure tries again
        self._failures[partition] = (offset, TRIES_MAX, reason)
        self._passages[partition] = Passage(offset, end)
        return self._go_on(consumer, partition)

    def _search(
        self, consumer: Consumer, partition: int, has_failed: bool, offset: int
    ) -> list[Read]:
        """Judges what came from the offset that was tried."""
        passage = self._passages[partition]
        if has_failed and offset == passage.begin:
            passage.note_inside()
        else:
            passage.note_beyond()
        return self._go_on(consumer, partition)

    def _go_on(self, consumer: Consumer, partition: int) -> list[Read]:
        """Tries the next offset, or reads on behind the batch once its end is known."""
        passage = self._passages[partition]
        offset = passage.high if passage.is_done else passage.target
        consumer.seek(TopicPartition(self._topic, partition, offset))
        if not passage.is_done:
            return []
        del self._passages[partition]
        _, _, reason = self._failures.pop(partition)
        self._next[partition] = passage.high
        return [Passed(partition, passage.begin, passage.high, reason)]


def _is_of_partition(error: KafkaError | None) -> bool:
    """Whether it is a message, or a batch that cannot be read."""
    return error is None or error.code() in UNREADABLE
