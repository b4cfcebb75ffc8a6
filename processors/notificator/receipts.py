"""Tells every change of a message's state on a topic, from an outbox in the database.

A receipt may be told twice, when a process dies between the broker and our commit; its number says
so. While the broker is away the outbox grows.
"""

import asyncio
from typing import Any

import structlog
from confluent_kafka import KafkaException, Producer

from processors.notificator.store import Store, is_passing
from schemas.codec import frame
from schemas.generated.events import NotificationReceipt, NotificationState
from schemas.settings import KafkaSettings
from streams.broker import BrokerWatch, end_producer, make_client_settings

log = structlog.get_logger()
PAUSE_S, AGAIN_S, FLUSH_S = 0.5, 2.0, 10.0
BATCH = 500
TAKE = """
SELECT id, type, token, source, number, state, provider, reason,
    floor(extract(epoch FROM at) * 1000)::bigint AS at_ms
FROM notificator.receipts ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"""
DROP = "DELETE FROM notificator.receipts WHERE id = ANY(%s)"


class ReceiptPublisher:
    """Produces to `topic`."""

    def __init__(self, store: Store, kafka: KafkaSettings, topic: str) -> None:
        self._store = store
        self._kafka = kafka
        self._topic = topic
        self._producers: list[Producer] = []
        self._watch = BrokerWatch("publisher of receipts")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                count = await self._publish()
            except (KafkaException, BufferError) as error:
                log.warning("receipts_wait", reason=str(error))
                await asyncio.sleep(AGAIN_S)
            except Exception as error:
                if not is_passing(error):
                    raise
                await asyncio.sleep(AGAIN_S)
            else:
                if count < BATCH:
                    await asyncio.sleep(PAUSE_S)

    async def _publish(self) -> int:
        """One batch, dropped from the outbox once the broker has all of it."""
        async with self._store.pool.connection() as connection, connection.transaction():
            rows: list[Any] = await (await connection.execute(TAKE, (BATCH,))).fetchall()
            if rows:
                await asyncio.to_thread(self._produce, rows)
                await connection.execute(DROP, ([row.id for row in rows],))
        return len(rows)

    def _produce(self, rows: list[Any]) -> None:
        """Raises KafkaException if anything is not acknowledged."""
        producer = self._get_producer()
        refused: list[Any] = []

        def note(error: Any, _: Any) -> None:
            if error is not None:
                refused.append(error)

        for row in rows:
            receipt = NotificationReceipt(
                row.type,
                row.token,
                row.source,
                row.number,
                NotificationState[row.state],
                row.provider,
                row.reason,
                row.at_ms,
            )
            key = f"{row.type}:{row.token}".encode()
            producer.produce(self._topic, frame(receipt), key, on_delivery=note)
        left = producer.flush(FLUSH_S)
        if left or refused:
            producer.purge(blocking=False)
            raise KafkaException(refused[0] if refused else f"{left} receipts have no answer")

    def _get_producer(self) -> Producer:
        """A client that has lost its brokers is replaced."""
        if self._producers and self._watch.is_lost:
            end_producer(self._producers)
            self._watch.note_rebuilt()
        if not self._producers:
            settings = make_client_settings(self._kafka, "receipts", self._watch)
            more = {"enable.idempotence": True, "linger.ms": 5, "message.timeout.ms": 8_000}
            self._producers.append(Producer({**settings, **more}))
        return self._producers[0]
