"""Produces transactions to a network's ingest topic. Gateways and the client library share it.

One idempotent producer. An envelope is durable once all in-sync replicas have it. Sending the same
envelope again is harmless: the ledger takes it once.
"""

import itertools
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.codec import FRAME_MARKER
from schemas.generated import FINGERPRINTS
from schemas.generated.transactions import TransactionEnvelope
from schemas.settings import KafkaSettings
from schemas.topics import INGEST_TOPIC
from streams.broker import BrokerWatch, end_producer, make_client_settings

DELIVERY_MILLISECONDS = 5_000
POLL_SECONDS = 0.1
# A message of the topic is the envelope's own bytes after this; they are never encoded again.
FRAME = FRAME_MARKER + FINGERPRINTS[TransactionEnvelope]


class IngestError(Exception):
    """The broker may not have taken the envelope: send it again."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    """On its way to the broker."""

    value: bytes
    key: bytes
    delivered: "Future[None]" = field(default_factory=Future)
    made_s: float = field(default_factory=time.monotonic)

    @property
    def is_overdue(self) -> bool:
        return (time.monotonic() - self.made_s) * 1000 >= DELIVERY_MILLISECONDS


class IngestProducer:
    """Connects in the background. A broker that is down fails the futures.

    Its client is replaced when it has lost its brokers; what was not acknowledged is then produced
    again, unless its time is over.
    """

    def __init__(self, kafka: KafkaSettings, topic: str = INGEST_TOPIC) -> None:
        self._kafka = kafka
        self._topic = topic
        self.watch = BrokerWatch("ingest")
        self._lock = threading.Lock()  # held to produce, and to replace the client
        self._producer = self._make_producer()
        self._generation = 0  # which producer it is
        self._numbers = itertools.count()
        self._waiting: dict[int, _Envelope] = {}  # not acknowledged
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="ingest", daemon=True)
        self._thread.start()

    def _make_producer(self) -> Producer:
        return Producer(
            {
                **make_client_settings(self._kafka, "ingest", self.watch),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "delivery.timeout.ms": DELIVERY_MILLISECONDS,
                "request.timeout.ms": DELIVERY_MILLISECONDS - 1_000,
                "message.max.bytes": 1_048_576,
            }
        )

    def produce(self, envelope: bytes, source_account: bytes) -> "Future[None]":
        """`envelope`: TransactionEnvelope bytes. The future fails with IngestError."""
        made = _Envelope(FRAME + envelope, source_account)
        made.delivered.set_running_or_notify_cancel()  # nobody can cancel it any more
        with self._lock:
            number = next(self._numbers)
            self._waiting[number] = made
            self._produce(number, made)
        return made.delivered

    def _produce(self, number: int, envelope: _Envelope) -> None:
        generation = self._generation

        def note(error: KafkaError | None, _: Message) -> None:
            if error is None:
                self._settle(number, None)
            elif generation == self._generation:  # otherwise it was produced again
                self._settle(number, error.str())

        try:
            self._producer.produce(self._topic, envelope.value, key=envelope.key, on_delivery=note)
        except (BufferError, KafkaException) as error:
            self._settle(number, str(error))

    def _settle(self, number: int, problem: str | None) -> None:
        """Once: a client that was replaced may still have delivered what was produced again."""
        envelope = self._waiting.pop(number, None)
        if envelope is None:
            return
        if problem is None:
            envelope.delivered.set_result(None)
        else:
            envelope.delivered.set_exception(IngestError(problem))

    def close(self) -> None:
        """Waits for what is under way."""
        self._stopping.set()
        self._thread.join()
        self._producer.flush()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_SECONDS)
            if self.watch.is_lost:
                self._replace_producer()

    def _replace_producer(self) -> None:
        lost = [self._producer]
        with self._lock:
            self._producer = self._make_producer()
            self._generation += 1
            for number, envelope in list(self._waiting.items()):
                if envelope.is_overdue:
                    self._settle(number, "no broker is connected")
                else:
                    self._produce(number, envelope)
        end_producer(lost)
        self.watch.note_rebuilt()
