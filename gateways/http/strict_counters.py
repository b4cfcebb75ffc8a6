"""Counters of tries that must be exact: of passwords, of one-time codes, of anything to be guessed.

A try is reserved in the database before it is evaluated, so that neither many requests at once,
nor other processes of the gateway, nor a restart or a crash buys another one. Rate limits
(`rate_limits`) count without waiting for the database and are not exact: they are for load.
"""

import math
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from gateways.http.problems import TOO_MANY_TRIES, Problem
from gateways.http.store import Store

PRUNE_SECONDS = 300.0
RESERVE = "gateway.reserve_try(%s, %s, make_interval(secs => %s), %s, %s::float8, %s::float8, %s)"
FORGET = "delete from gateway.tries where counter = %s and subject = %s"
RELEASE = (
    "update gateway.tries set times = times[:cardinality(times) - 1]"
    " where counter = %s and subject = %s and cardinality(times) > 0"
)
PRUNE = "delete from gateway.tries where kept_to < now()"


@dataclass(frozen=True, slots=True)
class StrictLimit:
    """`quick` tries may come at once; then each waits twice as long as the one before, from
    `first_wait_seconds` up to `longest_wait_seconds`; `most` in any `window_seconds`.
    """

    name: str
    quick: int
    first_wait_seconds: float
    longest_wait_seconds: float
    most: int
    window_seconds: int = 86_400


class StrictCounters:
    """Counts in `store`. `prune` runs in the background."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def reserve(self, limit: StrictLimit, subject: str) -> None:
        """Must pass before a try is evaluated; the try counts from then on, whatever comes of it.

        `subject`: what is tried to be entered; only its hash is stored. Subjects that exist and
        others are counted alike. Raises Problem when it is too early, or the database is away.
        """
        values = get_values(limit, hash_subject(subject))
        ((wait,),) = await self._store.execute(f"select {RESERVE}", values)
        require_turn(wait)

    async def forget(self, limit: StrictLimit, subject: str) -> None:
        """After a success, where the owner shall not pay for earlier mistakes. Raises Problem."""
        await self._store.execute(FORGET, (limit.name, hash_subject(subject)))

    async def release(self, limit: StrictLimit, subject: str) -> None:
        """After a success, where only mistakes shall count. Raises Problem."""
        await self._store.execute(RELEASE, (limit.name, hash_subject(subject)))

    async def prune(self) -> None:
        """Deletes counts that no window holds any more. Raises Problem."""
        await self._store.execute(PRUNE)


def get_values(limit: StrictLimit, subject: bytes) -> tuple[Any, ...]:
    """Of the parameters of `RESERVE`, which a gateway may make part of a statement of its own."""
    return (
        limit.name,
        subject,
        limit.window_seconds,
        limit.quick,
        limit.first_wait_seconds,
        limit.longest_wait_seconds,
        limit.most,
    )


def require_turn(wait: float) -> None:
    """`wait`: what `RESERVE` gave. Raises Problem when it is too early."""
    if wait > 0:
        headers = {"Retry-After": str(math.ceil(wait))}
        raise Problem(TOO_MANY_TRIES, "wait before the next try", headers=headers)


def hash_subject(subject: str) -> bytes:
    """How the database names what is counted."""
    return sha256(subject.encode()).digest()
