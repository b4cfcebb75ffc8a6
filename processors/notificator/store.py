"""The queue in PostgreSQL, for workers: claim, begin an attempt, settle. Decides nothing.

A message belongs to who claimed it until its state changes again, which the number of its changes
tells: a worker may lose a message to another, or to itself, when its lease ends. Whatever it writes
about a message that it lost changes nothing, but that a letter was accepted is kept.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool

from processors.notificator.channels.base import Outcome
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
UPDATE notificator.messages SET state = 'QUEUED', worker = NULL, lease_until = NULL,
    next_at = clock_timestamp()
WHERE state = 'SENDING' AND (lease_until < clock_timestamp() OR worker = %s)"""
BEGIN = """
WITH mine AS (
    UPDATE notificator.messages
    SET provider = %s, lease_until = clock_timestamp() + make_interval(secs => %s)
    WHERE id = %s AND state = 'SENDING' AND changes = %s RETURNING id
)
INSERT INTO notificator.attempts (message_id, provider, worker) SELECT id, %s, %s FROM mine
RETURNING id"""
END_ATTEMPT = """
UPDATE notificator.attempts SET ended_at = clock_timestamp(), outcome = %s, reason = %s,
    provider_id = %s WHERE id = %s"""
# In one statement, and so in one commit: the attempt ends, the message is settled, and what is
# unknown of attempts before a sent one does not matter any more. A message that was lost meanwhile
# and waits again was sent all the same, if the provider has accepted it.
SETTLE = """
WITH ended AS (
    UPDATE notificator.attempts SET ended_at = clock_timestamp(), outcome = %(outcome)s,
        reason = %(attempt_reason)s, provider_id = %(attempt_provider_id)s
    WHERE id = %(attempt_id)s
), settled AS (
UPDATE notificator.messages SET state = %(state)s, reason = %(reason)s, channel = %(channel)s,
    tries = %(tries)s, provider_id = coalesce(%(provider_id)s, provider_id), worker = NULL,
    lease_until = NULL, next_at = clock_timestamp() + make_interval(secs => %(delay_s)s),
    contact = CASE WHEN %(state)s IN ('SENT', 'DELIVERED') THEN NULL ELSE contact END,
    sealed_data = CASE WHEN %(state)s IN ('SENT', 'DELIVERED') THEN NULL ELSE sealed_data END,
    ended_at = CASE WHEN %(state)s = 'QUEUED' THEN NULL ELSE clock_timestamp() END
WHERE id = %(id)s AND state = 'SENDING' AND changes = %(changes)s RETURNING id
), closed AS (
    UPDATE notificator.attempts SET outcome = 'found', ended_at = clock_timestamp()
    WHERE message_id = (SELECT id FROM settled) AND %(state)s = 'SENT'
    AND id IS DISTINCT FROM %(attempt_id)s AND (outcome IS NULL OR outcome = 'unknown')
)
UPDATE notificator.messages SET state = 'SENT', reason = '', provider = %(provider)s,
    provider_id = %(attempt_provider_id)s, ended_at = clock_timestamp(), contact = NULL,
    sealed_data = NULL
WHERE id = %(id)s AND state = 'QUEUED' AND %(outcome)s = 'accepted'"""
USE = """
INSERT INTO notificator.usage AS u (key, ends_at, count)
VALUES (%(key)s, to_timestamp(
    (floor(extract(epoch FROM clock_timestamp()) / %(window_s)s) + 1) * %(window_s)s), 1)
ON CONFLICT (key, ends_at) DO UPDATE SET count = u.count + 1 WHERE u.count < %(most)s
RETURNING count"""
CLOSED_TRIAL = """
UPDATE notificator.breakers SET open_until = clock_timestamp() + make_interval(secs => %s)
WHERE provider = %s AND open_until <= clock_timestamp() RETURNING 1"""
NOTE_FAILURE = """
INSERT INTO notificator.breakers AS b (provider, failures, open_until, reason)
VALUES (%(provider)s, 1, NULL, %(reason)s)
ON CONFLICT (provider) DO UPDATE SET failures = b.failures + 1, reason = excluded.reason
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


ATTEMPT_FIELDS = ("attempt_id", "provider", "outcome", "attempt_reason", "attempt_provider_id")


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
        fence = (message.id, message.changes)
        values = (provider, self._lease_s, *fence, provider, self.worker)
        rows = await self.query(BEGIN, values)
        return rows[0].id if rows else None

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
        values = {
            **settlement._asdict(),
            "id": message.id,
            "changes": message.changes,
            "channel": message.channel if settlement.channel is None else settlement.channel,
            "tries": message.tries if settlement.tries is None else settlement.tries,
            **dict.fromkeys(ATTEMPT_FIELDS),
        }
        if ended is not None:
            values["attempt_id"], values["provider"], outcome = ended
            values["outcome"], values["attempt_reason"] = outcome.verdict.value, outcome.reason
            values["attempt_provider_id"] = outcome.provider_id
        await self.count(SETTLE, values)

    async def use(self, key: str, most: int, window_s: int) -> bool:
        """Counts one use of a limit, unless that would exceed it."""
        values = {"key": key, "most": most, "window_s": window_s}
        return most > 0 and bool(await self.query(USE, values))

    async def is_suppressed(self, channel: str, address: bytes) -> bool:
        sql = "SELECT 1 AS x FROM notificator.suppressions WHERE channel = %s AND address = %s"
        return bool(await self.query(sql, (channel, address)))

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
