"""What API tells of KYC data on the topic kyc.events: ids and codes, never anything personal.

An event is a row of the same commit as what it tells of, and is deleted once the broker has it. A
process that dies between the two tells it again, which readers know by its id.
"""

import asyncio
import time
from collections.abc import Iterable

from nacl.utils import random

from gateways.http.store import Store, Transaction
from processors.kyc.producer import EventProducer
from schemas.codec import frame
from schemas.generated.common import AccountID, Hash
from schemas.generated.events import KycEvent, KycEventKind
from schemas.settings import KafkaSettings

PAUSE_SECONDS = 0.5
BATCH = 500
INSERT = "insert into api.kyc_events (content) values (%s)"
TAKE = "select number, content from api.kyc_events order by number limit %s"
DROP = "delete from api.kyc_events where number = any(%s)"


async def tell(
    transaction: Transaction,
    kind: KycEventKind,
    account_id: bytes,
    commitment: bytes | None = None,
    codes: Iterable[str] = (),
    event_id: bytes | None = None,
) -> None:
    """In the caller's commit. `event_id`: for what may be noticed twice; else it is random."""
    event = KycEvent(
        Hash(event_id or random(32)),
        kind,
        AccountID(account_id),
        None if commitment is None else Hash(commitment),
        " ".join(codes),
        time.time_ns() // 1_000_000,
    )
    await transaction.execute(INSERT, (frame(event),))


class EventPublisher:
    """`publish` runs in the background of every instance."""

    def __init__(self, store: Store, kafka: KafkaSettings, topic: str) -> None:
        self._store = store
        self._producer = EventProducer(kafka, topic)

    async def publish(self) -> None:
        """What waits. Raises Problem or KafkaException while somebody is away."""
        rows = await self._store.execute(TAKE, (BATCH,))
        if rows:
            await asyncio.to_thread(self._producer.produce, [content for _, content in rows])
            await self._store.execute(DROP, ([number for number, _ in rows],))

    def close(self) -> None:
        self._producer.close()
