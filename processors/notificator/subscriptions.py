"""Durable webhooks: events of the ledger, in order and without a gap, from any ledger on.

A subscription's cursor is the last ledger whose events were delivered. Events are not stored: they
are derived again from the verified ledger, held against the header that the feed has verified. A
batch is fixed before it is posted, so that its repetition is equal and has the same webhook-id.
"""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from processors.ledger_feed.follow import decode_record
from processors.ledger_feed.topic import TopicReader, TopicUnavailable
from processors.notificator.channels.base import Outcome, Verdict
from processors.notificator.config import NotificatorSettings
from processors.notificator.events import Event, LedgerEvents, list_events
from processors.notificator.feed import RecentEvents, describe
from processors.notificator.metrics import Metrics
from processors.notificator.sealing import Unopenable, Vault
from processors.notificator.store import Store, is_passing
from processors.notificator.webhooks import WebhookSender
from schemas.codec import decode
from schemas.generated.ledger import LedgerHeader
from schemas.strkey import encode_account_id
from streams.ledger.chain import ForgedLedger
from streams.ledger.hashes import compute_hash

log = structlog.get_logger()
AT_ONCE = 16
EVENTS_A_BATCH, LEDGERS_A_BATCH = 200, 1_000
READ_AT_ONCE = 100
LEASE_S, PAUSE_S, AGAIN_S = 60.0, 0.5, 1.0
BACK_OFF_S, BACK_OFF_MAX_S = 1.0, 600.0

_chance = random.Random()  # noqa: S311 - keeps no secret

CLAIM = """
WITH due AS (
    SELECT id FROM notificator.subscriptions
    WHERE state = 'ACTIVE' AND next_at <= clock_timestamp()
    AND (lease_until IS NULL OR lease_until < clock_timestamp()) AND cursor < %s
    ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE notificator.subscriptions AS s SET worker = %s,
    lease_until = clock_timestamp() + make_interval(secs => %s)
FROM due WHERE s.id = due.id
RETURNING s.id, s.url, s.secret, s.filters, s.cursor, s.batch_end, s.failures"""
FIX_BATCH = """
UPDATE notificator.subscriptions SET batch_end = %s
WHERE id = %s AND worker = %s AND cursor = %s"""
ADVANCE = """
UPDATE notificator.subscriptions SET cursor = %s, batch_end = NULL, failures = 0,
    failing_since = NULL, reason = '', next_at = clock_timestamp(), worker = NULL,
    lease_until = NULL
WHERE id = %s AND worker = %s AND cursor = %s"""
NOTE_FAILURE = """
UPDATE notificator.subscriptions SET failures = failures + 1, reason = %(reason)s,
    failing_since = coalesce(failing_since, clock_timestamp()), worker = NULL, lease_until = NULL,
    next_at = clock_timestamp() + make_interval(secs => %(delay_s)s),
    state = CASE WHEN failing_since < clock_timestamp() - make_interval(secs => %(disable_s)s)
        THEN 'DISABLED' ELSE state END
WHERE id = %(id)s AND worker = %(worker)s
RETURNING state"""
RELEASE = """
UPDATE notificator.subscriptions SET worker = NULL, lease_until = NULL
WHERE worker = %s"""
HEAD = "SELECT coalesce(max(sequence), 0) AS head FROM notificator.ledgers"


class Filters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a subscription wants; empty: everything."""

    accounts: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()

    def match(self, event: Event) -> bool:
        return (
            (not self.types or event.type in self.types)
            and (not self.accounts or encode_account_id(event.account_id) in self.accounts)
            and (not self.assets or event.asset in self.assets)
        )


class NotTheLedger(Exception):
    """A record on the topic is not the ledger that was verified."""


class Deliverer:
    """Delivers to all subscriptions, together with the other instances' deliverers."""

    def __init__(
        self,
        store: Store,
        settings: NotificatorSettings,
        sender: WebhookSender,
        vault: Vault,
        recent: RecentEvents,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._settings = settings
        self._sender = sender
        self._vault = vault
        self._recent = recent
        self._metrics = metrics
        self._reader: TopicReader | None = None
        self._reading = asyncio.Lock()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            await self._repeat()
        finally:
            if self._reader is not None:
                self._reader.close()

    async def _repeat(self) -> None:
        await self._retry_release()
        while True:
            self._woken.clear()
            try:
                count = await self._deliver_due()
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("database_away", reason=type(error).__name__)
                await asyncio.sleep(AGAIN_S)
                continue
            if not count:
                try:
                    async with asyncio.timeout(PAUSE_S):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    async def _retry_release(self) -> None:
        """What this worker held when it died is free again."""
        while True:
            try:
                await self._store.count(RELEASE, (self._store.worker,))
            except Exception as error:
                if not is_passing(error):
                    raise
                await asyncio.sleep(AGAIN_S)
            else:
                return

    async def _deliver_due(self) -> int:
        head = (await self._store.query(HEAD))[0].head
        values = (head, AT_ONCE, self._store.worker, LEASE_S)
        claimed = await self._store.query(CLAIM, values)
        await asyncio.gather(*(self._deliver(each, head) for each in claimed))
        return len(claimed)

    async def _deliver(self, row: Any, head: int) -> None:
        """One batch of one subscription."""
        try:
            filters = msgspec.convert(row.filters, Filters)
            last, events = await self._collect(row.cursor, row.batch_end or head, filters, row)
            if not events:
                await self._advance(row, last)
                return
            values = (last, row.id, self._store.worker, row.cursor)
            if not await self._store.count(FIX_BATCH, values):
                return
            body = await self._encode(row, last, events)
            secret = self._vault.decrypt(bytes(row.secret)).decode()
            webhook_id = f"{row.id}-{row.cursor + 1}-{last}"
            outcome = await self._sender.post(row.url, secret, webhook_id, body)
        except (TopicUnavailable, ForgedLedger, NotTheLedger, Unopenable) as error:
            log.warning("ledgers_unavailable", reason=str(error))
            outcome = Outcome(Verdict.UNAVAILABLE, "LEDGERS_UNAVAILABLE")
        self._metrics.webhooks.labels(outcome.verdict.value).inc()
        if outcome.verdict is Verdict.ACCEPTED:
            await self._advance(row, last)
        else:
            await self._note_failure(row, outcome)

    async def _advance(self, row: Any, last: int) -> None:
        await self._store.count(ADVANCE, (last, row.id, self._store.worker, row.cursor))

    async def _note_failure(self, row: Any, outcome: Outcome) -> None:
        longest = min(BACK_OFF_S * 2 ** min(row.failures, 30), BACK_OFF_MAX_S)
        delay_s = longest * _chance.uniform(0.5, 1.0)
        values = {
            "id": row.id,
            "worker": self._store.worker,
            "reason": outcome.reason,
            "delay_s": max(delay_s, outcome.retry_after_s or 0.0),
            "disable_s": self._settings.webhooks.disable_s,
        }
        found = await self._store.query(NOTE_FAILURE, values)
        if found and found[0].state == "DISABLED":
            log.warning("subscription_disabled", subscription=row.id, reason=outcome.reason)

    async def _collect(
        self, cursor: int, end: int, filters: Filters, row: Any
    ) -> tuple[int, list[tuple[LedgerEvents, Event]]]:
        """The last ledger of the batch, and its events. A batch that was fixed is made whole."""
        is_fixed = row.batch_end is not None
        end = end if is_fixed else min(end, cursor + LEDGERS_A_BATCH)
        found: list[tuple[LedgerEvents, Event]] = []
        sequence = cursor
        while sequence < end and (is_fixed or len(found) < EVENTS_A_BATCH):
            for ledger in await self._get_ledgers(sequence + 1, end):
                sequence = ledger.sequence
                found += [(ledger, event) for event in ledger.events if filters.match(event)]
                if not is_fixed and len(found) >= EVENTS_A_BATCH:
                    break
        return sequence, found

    async def _get_ledgers(self, first: int, last: int) -> list[LedgerEvents]:
        """One or more from `first` on. Raises `TopicUnavailable`, `NotTheLedger`."""
        recent = self._recent.get(first)
        if recent is not None:
            return [recent]
        last = min(last, first + READ_AT_ONCE - 1)
        rows = await self._store.query(
            "SELECT sequence, header_hash FROM notificator.ledgers"
            " WHERE sequence BETWEEN %s AND %s",
            (first, last),
        )
        hashes = {row.sequence: bytes(row.header_hash) for row in rows}
        async with self._reading:
            return await asyncio.to_thread(self._read, first, last, hashes)

    def _read(self, first: int, last: int, hashes: Mapping[int, bytes]) -> list[LedgerEvents]:
        """From the topic, in order; repeats are passed over."""
        if self._reader is None:
            self._reader = TopicReader(self._settings.kafka, self._settings.ledgers_topic)
        ledgers: list[LedgerEvents] = []
        offset = self._reader.locate(first)
        while not ledgers or ledgers[-1].sequence < last:
            wanted = first + len(ledgers)
            messages = self._reader.read(offset, last - wanted + 1, wait_s=5.0)
            if not messages:
                break
            for message in messages:
                offset = message.offset + 1
                record = decode_record(message.value)
                header = decode(LedgerHeader, record.header)
                if header.sequence != first + len(ledgers):
                    continue
                if compute_hash(record.header) != hashes.get(header.sequence):
                    raise NotTheLedger(f"ledger {header.sequence} is not the one that was verified")
                if compute_hash(record.body) != header.body_hash:
                    raise NotTheLedger(f"ledger {header.sequence} has another body")
                ledgers.append(list_events(header.sequence, header.close_time_ms, record.body))
        if not ledgers:
            raise TopicUnavailable(f"ledger {first} is not on {self._settings.ledgers_topic}")
        return ledgers

    async def _encode(self, row: Any, last: int, events: list[tuple[LedgerEvents, Event]]) -> bytes:
        """The body: the same for the same batch, whoever makes it."""
        found = await self._store.query("SELECT code, decimals FROM notificator.assets")
        decimals = {each.code: each.decimals for each in found}
        return msgspec.json.encode(
            {
                "subscription": row.id,
                "first_ledger": str(row.cursor + 1),
                "last_ledger": str(last),
                "events": [
                    {
                        "id": f"{ledger.sequence}-{event.place}",
                        "type": event.type,
                        "account": encode_account_id(event.account_id),
                        "closed_at_ms": str(ledger.close_time_ms),
                        "data": describe(event, decimals),
                    }
                    for ledger, event in events
                ],
            }
        )
