"""Produces transactions to a network's ingest topic. Gateways and the client library share it.

One idempotent producer. An envelope is durable once all in-sync replicas have it. Sending the same
envelope again is harmless: the ledger takes it once.
"""

import threading
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException, Producer

from schemas.codec import FRAME_MARKER
from schemas.generated import FINGERPRINTS
from schemas.generated.transactions import TransactionEnvelope
from schemas.settings import KafkaSettings

DELIVERY_MILLISECONDS = 5_000
POLL_SECONDS = 0.1
# A message of the topic is the envelope's own bytes after this; they are never encoded again.
FRAME = FRAME_MARKER + FINGERPRINTS[TransactionEnvelope]


class IngestError(Exception):
    """The broker may not have taken the envelope: send it again."""


class IngestProducer:
    """Connects in the background. A broker that is down fails the futures."""

    def __init__(self, kafka: KafkaSettings, topic: str = "transactions") -> None:
        self._topic = topic
        self._producer = Producer(
            {
                **kafka.get_client_settings(),
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 2,
                "delivery.timeout.ms": DELIVERY_MILLISECONDS,
                "request.timeout.ms": DELIVERY_MILLISECONDS - 1_000,
                "message.max.bytes": 1_048_576,
                "log_level": 0,
            }
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="ingest", daemon=True)
        self._thread.start()

    def produce(self, envelope: bytes, source_account: bytes) -> "Future[None]":
        """`envelope`: TransactionEnvelope bytes. The future fails with IngestError."""
        delivered: Future[None] = Future()

        def note(error: Any, _: Any) -> None:
            if error is None:
                delivered.set_result(None)
            else:
                delivered.set_exception(IngestError(error.str()))

        try:
            self._producer.produce(
                self._topic, FRAME + envelope, key=source_account, on_delivery=note
            )
        except (BufferError, KafkaException) as error:
            delivered.set_exception(IngestError(str(error)))
        return delivered

    def close(self) -> None:
        """Waits for what is under way."""
        self._stopping.set()
        self._thread.join()
        self._producer.flush()

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_SECONDS)
