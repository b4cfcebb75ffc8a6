"""Produces events to kyc.events, and says when the broker has them. Shell; to be called from one
thread at a time.
"""

from collections.abc import Iterable

from confluent_kafka import KafkaException, Producer

from schemas.settings import KafkaSettings
from schemas.topics import KYC_EVENTS
from streams.broker import BrokerWatch, end_producer, make_client_settings

DELIVERY_SECONDS = 10.0
PURPOSE = "kyc events"


class EventProducer:
    """A client that has lost its brokers is replaced."""

    def __init__(self, kafka: KafkaSettings, topic: str = KYC_EVENTS) -> None:
        self._kafka = kafka
        self._topic = topic
        self._watch = BrokerWatch(PURPOSE)
        self._producer: Producer | None = None

    def produce(self, events: Iterable[bytes]) -> None:
        """Framed events. Returns when the broker has all. Raises KafkaException."""
        if self._producer is not None and self._watch.is_lost:
            end_producer([self._producer])
            self._producer = None
            self._watch.note_rebuilt()
        if self._producer is None:
            client = make_client_settings(self._kafka, PURPOSE, self._watch)
            self._producer = Producer({**client, "enable.idempotence": True, "acks": "all"})
        problems: list[str] = []

        def note(error: object, _: object) -> None:
            if error is not None:
                problems.append(str(error))

        for event in events:
            self._producer.produce(self._topic, event, partition=0, on_delivery=note)
        if self._producer.flush(DELIVERY_SECONDS) or problems:
            raise KafkaException(problems[0] if problems else "the broker does not answer")

    def close(self) -> None:
        if self._producer is not None:
            self._producer.purge()
