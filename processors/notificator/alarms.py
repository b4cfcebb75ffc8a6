"""Tells the operators what is wrong, found by asking health pages: it needs neither ledgers nor
Kafka, only the database and a provider.

What is wrong for longer than a moment is told once, and again when it is over. Alarms are rows that
all instances share, so two of them tell one thing once.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import httpx2
import msgspec
import structlog

from processors.http_answers import AnswerTooLarge, read_bounded
from processors.notificator.config import AlarmSettings, OperatorSettings
from processors.notificator.rows import INSERT, OPERATORS, NewMessage, make_row
from processors.notificator.store import Store, is_passing

log = structlog.get_logger()
ANSWER_S = 3.0
ANSWER_BYTES_MAX = 256 * 1024
BEHIND_LEDGERS = 12
START_S = 120.0  # a deployment starts: until then who has never been well is not missed
DEAD_S = 3_600

NOTE = """
INSERT INTO notificator.alarms AS a (key, detail) VALUES (%s, %s)
ON CONFLICT (key) DO UPDATE SET last_at = clock_timestamp(), detail = excluded.detail"""
RAISE = """
UPDATE notificator.alarms SET raised_at = clock_timestamp()
WHERE raised_at IS NULL AND first_at <= clock_timestamp() - make_interval(secs => %s)
RETURNING key, detail, extract(epoch FROM first_at)::float8 AS first_at"""
END = """
DELETE FROM notificator.alarms WHERE last_at < clock_timestamp() - make_interval(secs => %s)
RETURNING key, detail, extract(epoch FROM first_at)::float8 AS first_at, raised_at"""
COUNT_DEAD = """
SELECT count(*) AS count FROM notificator.messages
WHERE state = 'DEAD' AND reason NOT IN ('TOO_OLD', 'EXPIRED', 'NO_ADDRESS')
AND ended_at > clock_timestamp() - make_interval(secs => %s)"""


class Page(NamedTuple):
    """What a health page said. `status`: None for no answer."""

    status: int | None
    content: Mapping[str, Any] = {}


def find_alarms(
    nodes: Mapping[str, Page], services: Mapping[str, Page], dead: int, full: list[str]
) -> dict[str, str]:
    """What is wrong, by a name that stays the same while it lasts. Pure."""
    alarms = {}
    for name, page in {**nodes, **services}.items():
        if page.status is None:
            alarms[f"{name}:silent"] = "it does not answer"
        elif page.status != 200:
            alarms[f"{name}:red"] = _describe(page)
        elif page.content.get("problems"):  # it goes on, for example without its archive
            alarms[f"{name}:problems"] = _describe(page)
    ill = sorted(name for name in nodes if {f"{name}:silent", f"{name}:red"} & alarms.keys())
    if nodes and len(ill) * 3 > len(nodes):
        text = f"{len(ill)} of {len(nodes)} nodes are not well: {', '.join(ill)}"
        alarms["network:no-quorum"] = f"there may be no quorum: {text}"
    sequences = {name: int(page.content.get("sequence", 0)) for name, page in nodes.items()}
    head = max(sequences.values(), default=0)
    for name, sequence in sequences.items():
        if nodes[name].status == 200 and 0 < sequence < head - BEHIND_LEDGERS:
            alarms[f"{name}:behind"] = "it is many ledgers behind the others"
    if dead:
        alarms["notificator:dead-letters"] = "there are dead letters: `tokend notify dead`"
    for folder in full:
        alarms[f"disk:{folder}"] = f"the disk of {folder} is filling"
    return alarms


def _describe(page: Page) -> str:
    problems = page.content.get("problems") or [page.content.get("problem") or "it is not well"]
    return "; ".join(str(each) for each in problems)[:300]


class AlarmPoller:
    """Asks every `every_s`, and tells what lasts for `after_s`."""

    def __init__(self, store: Store, settings: AlarmSettings, operators: OperatorSettings) -> None:
        self._store = store
        self._settings = settings
        self._has_operators = operators.email is not None or operators.phone is not None
        self._started = time.monotonic()
        self._known: set[str] = set()

    async def run(self) -> None:
        """Until cancelled."""
        limits = httpx2.Limits(max_keepalive_connections=0)
        async with httpx2.AsyncClient(trust_env=False, timeout=ANSWER_S, limits=limits) as client:
            while True:
                began = time.monotonic()
                try:
                    await self._look(client)
                except Exception as error:
                    if not is_passing(error):
                        raise
                    log.warning("database_away", reason=type(error).__name__)
                passed = time.monotonic() - began
                await asyncio.sleep(max(0.0, self._settings.every_s - passed))

    async def _look(self, client: httpx2.AsyncClient) -> None:
        nodes = await _ask_all(client, self._settings.nodes)
        services = self._drop_starting(await _ask_all(client, self._settings.services))
        dead = (await self._store.query(COUNT_DEAD, (DEAD_S,)))[0].count
        full = [f for f in self._settings.folders if is_full(f, self._settings.free_bytes_min)]
        found = find_alarms(nodes, services, dead, full)
        async with self._store.pool.connection() as connection, connection.transaction():
            for key, detail in sorted(found.items()):  # in order, or two would lock each other
                await connection.execute(NOTE, (key, detail))
            after = (self._settings.after_s,)
            raised: list[Any] = await (await connection.execute(RAISE, after)).fetchall()
            ended: list[Any] = await (await connection.execute(END, after)).fetchall()
            told = [(row, False) for row in raised]
            told += [(row, True) for row in ended if row.raised_at is not None]
            for row, is_over in told:
                log.warning("alarm", name=row.key, problem=row.detail, is_over=is_over)
                if self._has_operators:
                    await connection.execute(INSERT, make_row(_make_message(row, is_over=is_over)))

    def _drop_starting(self, pages: Mapping[str, Page]) -> dict[str, Page]:
        """Without services that are still to start."""
        self._known |= {name for name, page in pages.items() if page.status == 200}
        is_over = time.monotonic() - self._started > START_S
        return {name: page for name, page in pages.items() if is_over or name in self._known}


def _make_message(row: Any, *, is_over: bool) -> NewMessage:
    name, _, _ = row.key.partition(":")
    token = sha256(f"{row.key}\0{row.first_at}\0{is_over}".encode()).hexdigest()
    data = {"name": name, "problem": row.detail, "is_over": is_over}
    return NewMessage("alarm", token, OPERATORS, None, data, time.time_ns() // 1_000_000)


def is_full(folder: str, free_bytes_min: int) -> bool:
    """Whether there is less room than that, or the folder cannot be looked at."""
    try:
        status = os.statvfs(folder)
    except OSError:
        return True
    return status.f_bavail * status.f_frsize < free_bytes_min or (
        status.f_files > 0 and status.f_favail < 1_000
    )


async def _ask_all(client: httpx2.AsyncClient, pages: Mapping[str, str]) -> dict[str, Page]:
    answers = await asyncio.gather(*(_ask(client, url) for url in pages.values()))
    return dict(zip(pages, answers, strict=True))


async def _ask(client: httpx2.AsyncClient, url: str) -> Page:
    try:
        async with asyncio.timeout(ANSWER_S), client.stream("GET", url) as response:
            content = await read_bounded(response, ANSWER_BYTES_MAX)
    except AnswerTooLarge:
        return Page(response.status_code)
    except (httpx2.HTTPError, TimeoutError, OSError):
        return Page(None)
    try:
        return Page(response.status_code, msgspec.json.decode(content, type=dict[str, Any]))
    except msgspec.DecodeError:
        return Page(response.status_code)
