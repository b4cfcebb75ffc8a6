"""The queue in PostgreSQL, for workers: claim, begin an attempt, settle. Decides nothing.

A message belongs to who claimed it until its state changes again, which the number of its changes
tells: a worker may lose a message to another, or to itself, when its lease ends. Whatever it writes
about a message that it lost changes nothing, but that a letter was accepted is kept.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Json
from psycopg_pool import AsyncConnectionPool

from processors.notificator.batches import Batch
from processors.notificator.channels.base import Outcome
from processors.notificator.decisions import FAILURES_TO_OPEN
from processors.notificator.states import Claimed, OpenAttempt, Settlement

CONNECTIONS_MAX = 8
POOL_S = 10.0

CLAIM = """
WITH due AS (
    SELECT id FROM notificator.messages
    WHERE state = 'QUEUED' AND next_at <= clock_timestamp()
    ORDER BY priority, next_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE notificator.messages AS m SET state = 'SENDING', worker = %s,
    lease_until = clock_timestamp() + make_interval(secs => %s)
FROM due WHERE m.id = due.id
RETURNING m.id, m.type, m.token, m.source, m.account_id, m.contact, m.epoch, m.locale, m.data,
    m.sealed_data, m.channel, m.tries, extract(epoch FROM m.created_at)::float8 AS created_at,
    m.expires_at < clock_timestamp() AS is_expired, m.changes"""
OPEN_ATTEMPTS = """
SELECT DISTINCT ON (message_id) message_id, id, provider,
    extract(epoch FROM clock_timestamp() - coalesce(
        ended_at, started_at + make_interval(secs => %s)))::float8 AS age_s
FROM notificator.attempts
WHERE message_id = ANY(%s) AND (outcome IS NULL OR outcome = 'unknown')
ORDER BY message_id, id DESC"""
CLOSE_ATTEMPTS = """
UPDATE notificator.attempts SET outcome = %s, ended_at = clock_timestamp()
WHERE message_id = %s AND (outcome IS NULL OR outcome = 'unknown')"""
TAKE_OVER = """
WITH silent AS (
    SELECT id FROM notificator.messages
    WHERE state = 'SENDING' AND (lease_until < clock_timestamp() OR worker = %s)
    FOR UPDATE SKIP LOCKED
)
UPDATE notificator.messages AS m SET state = 'QUEUED', worker = NULL, lease_until = NULL,
    next_at = clock_timestamp()
FROM silent WHERE m.id = silent.id"""
# The statements of batches take their items as JSON, and lock rows in one order.
BEGIN = """
WITH asked AS (SELECT * FROM json_to_recordset(%s) AS a (id bigint, changes int, provider text)),
mine AS (
    SELECT m.id, a.changes, a.provider FROM notificator.messages AS m JOIN asked AS a
    USING (id, changes) WHERE m.state = 'SENDING' ORDER BY m.id FOR UPDATE OF m
), leased AS (
    UPDATE notificator.messages AS m SET provider = mine.provider,
        lease_until = clock_timestamp() + make_interval(secs => %s)
    FROM mine WHERE m.id = mine.id
), begun AS (
    INSERT INTO notificator.attempts (message_id, provider, worker)
    SELECT id, provider, %s FROM mine RETURNING message_id, id
)
SELECT begun.message_id, mine.changes, begun.id FROM begun JOIN mine ON mine.id = message_id"""
END_ATTEMPT = """
UPDATE notificator.attempts SET ended_at = clock_timestamp(), outcome = %s, reason = %s,
    provider_id = %s WHERE id = %s"""
# In one statement, and so in one commit: the attempt ends, the message is settled, and what is
# unknown of attempts before a sent one does not matter any more. A message that was lost meanwhile
# and waits again was sent all the same, if the provider has accepted it.
SETTLE = """
WITH asked AS (
    SELECT * FROM json_to_recordset(%s) AS a (id bigint, changes int, state text, reason text,
        channel int, tries int, delay_s float8, provider_id text, attempt_id bigint, provider text,
        outcome text, attempt_reason text, attempt_provider_id text)
), locked AS (
    SELECT id, state, changes FROM notificator.messages WHERE id IN (SELECT id FROM asked)
    ORDER BY id FOR UPDATE
), due AS (
    SELECT a.* FROM asked AS a JOIN locked AS l USING (id)
    WHERE (l.state = 'SENDING' AND l.changes = a.changes)
        OR (l.state = 'QUEUED' AND a.outcome = 'accepted')
), ended AS (
    UPDATE notificator.attempts AS t SET ended_at = clock_timestamp(), outcome = a.outcome,
        reason = a.attempt_reason, provider_id = a.attempt_provider_id
    FROM asked AS a WHERE t.id = a.attempt_id
), closed AS (
    UPDATE notificator.attempts AS t SET outcome = 'found', ended_at = clock_timestamp()
    FROM due WHERE t.message_id = due.id AND due.state = 'SENT'
    AND t.id IS DISTINCT FROM due.attempt_id AND (t.outcome IS NULL OR t.outcome = 'unknown')
)
UPDATE notificator.messages AS m SET state = due.state, reason = due.reason,
    channel = due.channel, tries = due.tries, provider = coalesce(due.provider, m.provider),
    provider_id = coalesce(due.provider_id, m.provider_id), worker = NULL, lease_until = NULL,
    next_at = clock_timestamp() + make_interval(secs => due.delay_s),
    contact = CASE WHEN due.state = 'SENT' THEN NULL ELSE contact END,
    sealed_data = CASE WHEN due.state = 'SENT' THEN NULL ELSE sealed_data END,
    ended_at = CASE WHEN due.state = 'QUEUED' THEN NULL ELSE clock_timestamp() END
FROM due WHERE m.id = due.id"""
# What was asked beyond the limit is counted, too: until the window ends it is used up anyway.
USE = """
INSERT INTO notificator.usage AS u (key, ends_at, count)
SELECT key, to_timestamp((floor(extract(epoch FROM clock_timestamp()) / window_s) + 1) * window_s),
    count
FROM json_to_recordset(%s) AS a (key text, window_s int, count int) ORDER BY key
ON CONFLICT (key, ends_at) DO UPDATE SET count = least(u.count::bigint + excluded.count, 2000000000)
RETURNING key, count"""
SUPPRESSED = """
SELECT channel, address FROM notificator.suppressions
WHERE (channel, address) IN (SELECT * FROM unnest(%s::text[], %s::bytea[]))"""
CLOSED_TRIAL = """
UPDATE notificator.breakers SET open_until = clock_timestamp() + make_interval(secs => %s)
WHERE provider = %s AND open_until <= clock_timestamp() RETURNING 1"""
# Calls at once that fail together are one breakdown: beyond what opens a circuit only trials count.
NOTE_FAILURE = """
INSERT INTO notificator.breakers AS b (provider, failures, open_until, reason)
VALUES (%(provider)s, 1, NULL, %(reason)s)
ON CONFLICT (provider) DO UPDATE SET reason = excluded.reason,
    failures = CASE WHEN %(is_trial)s OR b.failures < %(most)s THEN b.failures + 1
        ELSE b.failures END
WHERE %(is_trial)s OR b.open_until IS NULL OR b.open_until <= clock_timestamp()
RETURNING failures"""
OPEN = """
UPDATE notificator.breakers SET open_until = clock_timestamp() + make_interval(secs => %s)
WHERE provider = %s"""
NOTE_SUCCESS = """
UPDATE notificator.breakers SET failures = 0, open_until = NULL, reason = ''
WHERE provider = %s AND (failures > 0 OR open_until IS NOT NULL)"""
BREAKERS = """
SELECT provider, failures, open_until IS NOT NULL AS is_tripped,
    coalesce(open_until > clock_timestamp(), false) AS is_open, reason
FROM notificator.breakers"""
CLAIM_SENT = """
WITH due AS (
    SELECT id FROM notificator.messages
    WHERE state = 'SENT' AND next_at <= clock_timestamp() AND provider = ANY(%s)
    AND ended_at > clock_timestamp() - interval '3 days'
    ORDER BY next_at LIMIT %s FOR UPDATE SKIP LOCKED
)
UPDATE notificator.messages AS m SET next_at = clock_timestamp()
    + greatest(interval '5 seconds', (clock_timestamp() - m.ended_at) / 2)
FROM due WHERE m.id = due.id
RETURNING m.id, m.type, m.token, m.account_id, m.contact, m.epoch, m.source, m.provider,
    m.provider_id"""
NOTE_FATE = """
UPDATE notificator.messages SET state = %s, reason = %s, ended_at = clock_timestamp()
WHERE id = %s AND state = 'SENT'"""
PRUNE = (
    "DELETE FROM notificator.messages WHERE ended_at < clock_timestamp() - make_interval(secs=>%s)",
    "DELETE FROM notificator.usage WHERE ends_at < clock_timestamp()",
)


class Store:
    """For the worker called `worker`. Nothing is contacted before `start`."""

    def __init__(self, url: str, worker: str, lease_s: float, call_s: float) -> None:
        """`call_s`: for how long a call can last, also one of a worker that is gone."""
        self.worker = worker
        self._call_s = call_s
        self._lease_s = lease_s
        self.pool = AsyncConnectionPool(
            url,
            open=False,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=POOL_S,
            kwargs={"autocommit": True, "row_factory": namedtuple_row},
        )
        self._begins = Batch(self._begin, is_passing)
        self._settles = Batch(self._settle, is_passing)
        self._uses = Batch(self._use, is_passing)
        self._suppressed = Batch(self._find_suppressed, is_passing)

    async def start(self) -> None:
        await self.pool.open(wait=False)

    async def stop(self) -> None:
        await self.pool.close()

    async def query(self, sql: str, values: Any = ()) -> list[Any]:
        """Commits one statement; its rows. Raises psycopg.Error."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(sql.encode(), values)
            return await cursor.fetchall() if cursor.description else []

    async def count(self, sql: str, values: Any = ()) -> int:
        """Commits one statement; how many rows it changed. Raises psycopg.Error."""
        async with self.pool.connection() as connection:
            return (await connection.execute(sql.encode(), values)).rowcount

    async def take_over(self, *, is_start: bool = False) -> int:
        """Messages of workers that are silent, and at the start this worker's own of a life before,
        wait again. How many."""
        return await self.count(TAKE_OVER, (self.worker if is_start else None,))

    async def claim(self, count: int) -> list[tuple[Claimed, OpenAttempt | None]]:
        """Messages that are due, with the call of each whose outcome nobody knows."""
        rows = await self.query(CLAIM, (count, self.worker, self._lease_s))
        if not rows:
            return []
        found = await self.query(OPEN_ATTEMPTS, (self._call_s, [row.id for row in rows]))
        attempts = {row.message_id: OpenAttempt(*row) for row in found}
        return [(Claimed(*row), attempts.get(row.id)) for row in rows]

    async def close_attempts(self, message_id: int, outcome: str) -> None:
        """It is known now, or does not matter any more, what came of earlier calls."""
        await self.count(CLOSE_ATTEMPTS, (outcome, message_id))

    async def begin(self, message: Claimed, provider: str) -> int | None:
        """The number of an attempt that is durable now; None if the message was lost to another."""
        return await self._begins.do((message.id, message.changes, provider))

    async def _begin(self, items: Sequence[tuple[int, int, str]]) -> list[int | None]:
        asked = [dict(zip(("id", "changes", "provider"), each, strict=True)) for each in items]
        rows = await self.query(BEGIN, (Json(asked), self._lease_s, self.worker))
        begun = {(row.message_id, row.changes): row.id for row in rows}
        return [begun.get((id_, changes)) for id_, changes, _ in items]

    async def end_attempt(self, attempt_id: int, outcome: Outcome) -> None:
        """Alone, where another provider is asked next."""
        verdict, reason = outcome.verdict.value, outcome.reason
        await self.count(END_ATTEMPT, (verdict, reason, outcome.provider_id, attempt_id))

    async def settle(
        self,
        message: Claimed,
        settlement: Settlement,
        ended: tuple[int, str, Outcome] | None = None,
    ) -> None:
        """In one commit with the end of an attempt: its number, provider and outcome. If the
        message is sent, nothing is unknown any more of the attempts before."""
        row = {
            **settlement._asdict(),
            "id": message.id,
            "changes": message.changes,
            "channel": message.channel if settlement.channel is None else settlement.channel,
            "tries": message.tries if settlement.tries is None else settlement.tries,
        }
        if ended is not None:
            row["attempt_id"], row["provider"], outcome = ended
            row["outcome"], row["attempt_reason"] = outcome.verdict.value, outcome.reason
            row["attempt_provider_id"] = outcome.provider_id
        await self._settles.do(row)

    async def _settle(self, rows: Sequence[dict[str, Any]]) -> Sequence[Any]:
        await self.count(SETTLE, (Json(rows),))
        return rows

    async def use(self, key: str, most: int, window_s: int) -> bool:
        """Counts one use of a limit, unless that would exceed it."""
        return most > 0 and await self._uses.do((key, most, window_s))

    async def _use(self, items: Sequence[tuple[str, int, int]]) -> list[bool]:
        wanted = Counter((key, window_s) for key, _, window_s in items)
        asked = [{"key": k, "window_s": w, "count": count} for (k, w), count in wanted.items()]
        used = {row.key: row.count for row in await self.query(USE, (Json(asked),))}
        answers = []
        for key, most, window_s in items:  # counted in their order
            answers.append(used[key] - wanted[key, window_s] < most)
            wanted[key, window_s] -= 1
        return answers

    async def is_suppressed(self, channel: str, address: bytes) -> bool:
        return await self._suppressed.do((str(channel), address))

    async def _find_suppressed(self, items: Sequence[tuple[str, bytes]]) -> list[bool]:
        channels, addresses = zip(*items, strict=True)
        found = set(await self.query(SUPPRESSED, (list(channels), list(addresses))))
        return [each in found for each in items]

    async def suppress(self, channel: str, address: bytes, reason: str) -> None:
        sql = (
            "INSERT INTO notificator.suppressions (channel, address, reason) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING"
        )
        await self.count(sql, (channel, address, reason))

    async def get_breakers(self) -> dict[str, Any]:
        return {row.provider: row for row in await self.query(BREAKERS)}

    async def take_trial(self, provider: str, open_s: float) -> bool:
        """Whether this worker makes the one call that tries a provider again."""
        return bool(await self.query(CLOSED_TRIAL, (open_s, provider)))

    async def note_failure(self, provider: str, reason: str, *, is_trial: bool) -> int:
        """How many there were in a row. Those of calls that were under way when the circuit opened
        say nothing new: 0."""
        values = {"provider": provider, "reason": reason, "is_trial": is_trial}
        values["most"] = FAILURES_TO_OPEN
        rows = await self.query(NOTE_FAILURE, values)
        return int(rows[0].failures) if rows else 0

    async def open_circuit(self, provider: str, open_s: float) -> None:
        """For so long nobody asks the provider."""
        await self.count(OPEN, (open_s, provider))

    async def note_success(self, provider: str) -> None:
        await self.count(NOTE_SUCCESS, (provider,))

    async def claim_sent(self, providers: Sequence[str], count: int) -> list[Any]:
        """Messages whose fate a provider may know by now; each is asked about ever more rarely."""
        return await self.query(CLAIM_SENT, (list(providers), count))

    async def note_fate(self, message_id: int, state: str, reason: str) -> None:
        await self.count(NOTE_FATE, (state, reason, message_id))

    async def prune(self, keep_s: float) -> None:
        """Drops what the book need not hold any more."""
        await self.count(PRUNE[0], (keep_s,))
        await self.count(PRUNE[1])


def is_passing(error: Exception) -> bool:
    """Whether the database may answer again by itself."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | OSError)
