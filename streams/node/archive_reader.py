"""The part of a node that reads ledgers from archives when no peer has them any more. Shell.

It gives them to the herder one by one, as a peer would, and never many ahead of what is closed.
"""

import asyncio
from collections.abc import Iterator

import structlog

from streams.archive.checkpoint import DamagedArchive
from streams.archive.history import HistoryUnavailable
from streams.herder.herder import Herder
from streams.herder.outputs import Alarm, Output
from streams.ledger.chain import ForgedLedger, VerifiedLedger
from streams.node.config import ArchiveSettings
from streams.node.inbox import Inbox, Step
from streams.node.rejoin import get_position, make_reporter, open_history

AGAIN_S = 5.0

log = structlog.get_logger()


class ArchiveReader:
    """`target`: the ledger to which it reads now, 0 while it rests."""

    def __init__(self, settings: ArchiveSettings | None, herder: Herder, inbox: Inbox) -> None:
        self._settings = settings
        self._herder = herder
        self._inbox = inbox
        self._wanted = asyncio.Event()
        self.target = 0
        self.problem: str | None = None

    def want(self, last: int) -> None:
        """Ledgers up to `last` are needed. Said again and again until it is no longer so."""
        self.target = max(last, self.target)
        self._wanted.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            if self._settings is None:
                self.problem = "peers have archived the ledgers that are missing: name an archive"
                log.error("no_archive_named", first=self._herder.open_slot, last=self.target)
            else:
                await self._read(self._settings, self.target)
            self.target = 0
            await asyncio.sleep(AGAIN_S)

    async def _read(self, settings: ArchiveSettings, last: int) -> None:
        log.warning("reading_archives", first=self._herder.open_slot, last=last)
        report = make_reporter("reading_archives")
        position = get_position(self._herder.ledger)
        try:
            with open_history(settings, position) as history:
                ledgers = history.read_on(last)
                while (verified := await asyncio.to_thread(_get_next, ledgers)) is not None:
                    await self._inbox.put_and_wait(_make_step(self._herder, verified))
                    report(verified.header.sequence, last)
            self.problem = None
        except (HistoryUnavailable, DamagedArchive) as error:
            self.problem = str(error)
            log.error("archives_unusable", reason=self.problem)  # noqa: TRY400


def _get_next(ledgers: Iterator[VerifiedLedger]) -> VerifiedLedger | None:
    return next(ledgers, None)


def _make_step(herder: Herder, verified: VerifiedLedger) -> Step:
    def step(now_ms: int) -> list[Output]:
        if verified.header.sequence != herder.open_slot:
            return []
        try:
            return herder.take_ledger(verified.record, now_ms)
        except ForgedLedger as error:
            return [Alarm(f"an archive has a false ledger: {error}")]

    return step
