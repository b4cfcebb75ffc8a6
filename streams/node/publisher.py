"""Certified ledgers to the node's own topic, in order, without a gap. Shell.

What stands on the topic is where to go on: at the start its last record is read. A ledger whose
acknowledgement was lost may land twice; repeats are equal.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas.codec import decode, frame, unframe
from schemas.generated.events import Rejection
from schemas.generated.ledger import LedgerHeader, LedgerRecord
from schemas.settings import KafkaSettings
from schemas.topics import MESSAGE_BYTES_MAX, get_ledgers_topic, get_rejections_topic
from streams.broker import (
    PURGED,
    BrokerWatch,
    ask_until_answered,
    end_producer,
    make_client_settings,
    make_consumer_settings,
)
from streams.kill_points import kill_points
from streams.node.store import StoredRecord

IN_FLIGHT_MAX = 16
BATCH_BYTES = 4 * 1024 * 1024
REJECTIONS_WAITING_MAX = 10_000  # a tenth of what the producer holds: the rest is for ledgers
POLL_S = 0.01
Load = Callable[[int, int], Awaitable[list[StoredRecord]]]


class Publisher:
    """`load(first, bytes_max)` gives certified ledgers from `first` on.

    Its client is replaced when it has lost its brokers; what was not acknowledged is then produced
    again.
    """

    def __init__(self, kafka: KafkaSettings, node: str, load: Load) -> None:
        self._topic = get_ledgers_topic(node)
        self._rejections_topic = get_rejections_topic(node)
        self._kafka = kafka
        self._load = load
        self.watch = BrokerWatch("publisher")
        self._producer = self._make_producer()
        self._generation = 0  # which producer it is
        self._news = asyncio.Event()
        self._is_behind = True  # the store has, or may have, what `_recent` lacks
        self._recent: dict[int, LedgerRecord] = {}
        self._in_flight = 0
        self._failure: KafkaException | None = None
        self._is_stopping = threading.Event()
        self._rejections: dict[int, Rejection] = {}  # not acknowledged, by their number
        self._rejections_made = 0
        self._acknowledged = 0  # the last ledger that was
        self.published = 0

    def _make_producer(self) -> Producer:
        return Producer(
            {
                **make_client_settings(self._kafka, "publisher", self.watch),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "message.timeout.ms": 0,  # a broker that is away is waited for
            }
        )

    @property
    def is_idle(self) -> bool:
        """Whether everything that was produced is acknowledged."""
        return self._acknowledged == self.published and not self._rejections

    def add(self, sequence: int, record: LedgerRecord | None) -> None:
        """A ledger has its certificate; the record, if it is at hand, spares a look-up."""
        if record is not None and len(self._recent) < IN_FLIGHT_MAX:
            self._recent[sequence] = record
        else:
            self._is_behind = True
        self._news.set()

    def tell(self, rejection: Rejection) -> None:
        """Produces a rejection, unless many wait to be told: it is provisional anyway."""
        if len(self._rejections) < REJECTIONS_WAITING_MAX:
            self._rejections_made += 1
            self._rejections[self._rejections_made] = rejection
            self._produce_rejection(self._rejections_made, rejection)

    async def run(self) -> None:
        """Publishes for ever. Raises KafkaException when the producer has failed for good."""
        try:
            last = await asyncio.to_thread(self._read_last_sequence)
        finally:
            self._is_stopping.set()  # the thread outlives this task's end
        self.published = self._acknowledged = last or 0
        while True:
            self._producer.poll(0)
            if self._failure is not None:
                raise self._failure
            if self.watch.is_lost:
                await self._replace_producer()
            if self._in_flight < IN_FLIGHT_MAX:
                await self._produce_next()
            try:
                await asyncio.wait_for(
                    self._news.wait(), POLL_S if self._in_flight else 10 * POLL_S
                )
            except TimeoutError:
                continue

    async def _replace_producer(self) -> None:
        """Goes on with a new client from what was acknowledged. Repeats are equal."""
        lost = [self._producer]
        self._producer = self._make_producer()
        self._generation += 1
        await asyncio.to_thread(end_producer, lost)
        self.watch.note_rebuilt()
        self._in_flight = 0
        self._recent.clear()
        self.published, self._is_behind = self._acknowledged, True
        for number, rejection in self._rejections.items():
            self._produce_rejection(number, rejection)

    async def _produce_next(self) -> None:
        self._news.clear()
        record = self._recent.pop(self.published + 1, None)
        if record is not None:
            self._produce(self.published + 1, record)
            self._news.set()
            return
        if not self._is_behind:
            return
        self._is_behind = False
        for stored in await self._load(self.published + 1, BATCH_BYTES):
            self._is_behind = True
            self._recent.pop(stored.sequence, None)
            self._produce(stored.sequence, stored.record)

    def _produce(self, sequence: int, record: LedgerRecord) -> None:
        generation = self._generation

        def note(error: KafkaError | None, _: Message) -> None:
            if generation != self._generation:
                return  # its client was replaced: the ledger was produced again
            self._in_flight -= 1
            if error is not None:
                self._failure = KafkaException(error)
            else:
                self._acknowledged = max(sequence, self._acknowledged)

        kill_points.note("before-publish")
        key = sequence.to_bytes(8, "big")
        self._producer.produce(self._topic, frame(record), key, partition=0, on_delivery=note)
        self._in_flight += 1
        self.published = sequence
        for old in [each for each in self._recent if each <= sequence]:
            del self._recent[old]
        kill_points.note("after-publish")

    def _produce_rejection(self, number: int, rejection: Rejection) -> None:
        def note(error: KafkaError | None, _: Message) -> None:
            if error is None or error.code() not in PURGED:
                self._rejections.pop(number, None)

        key = bytes(rejection.envelope_hash)
        self._producer.produce(self._rejections_topic, frame(rejection), key, on_delivery=note)

    def _read_last_sequence(self) -> int | None:
        """Of the topic's last record; None when the node stops before the broker has answered."""
        settings = make_consumer_settings(self._kafka, "publisher")
        settings["isolation.level"] = "read_uncommitted"

        def ask(wait_s: float) -> int:
            consumer = Consumer(settings)  # a new one each time: the last may have lost its brokers
            try:
                return read(consumer, wait_s)
            finally:
                consumer.close()

        def read(consumer: Consumer, wait_s: float) -> int:
            place = TopicPartition(self._topic, 0)
            low, high = consumer.get_watermark_offsets(place, timeout=wait_s)
            if high == low:
                return 0
            consumer.assign([TopicPartition(self._topic, 0, high - 1)])
            message = consumer.poll(wait_s)
            error = KafkaError(KafkaError._TIMED_OUT) if message is None else message.error()
            if message is None or error is not None:
                raise KafkaException(error)
            record = unframe(LedgerRecord, message.value() or b"")
            return decode(LedgerHeader, record.header).sequence

        return ask_until_answered(ask, self._is_stopping)

    def flush(self) -> None:
        self._producer.flush(5)
