"""The part of a node that reads from archives what no peer has any more. Shell.

It gives ledgers to the herder one by one, as a peer would, and never many ahead of what is closed;
and the certificates of ledgers that the node closed without them.
"""

import asyncio
from collections.abc import Iterator
from functools import partial

import structlog

from schemas.generated.common import U64
from schemas.generated.overlay import CertificateReply
from streams.archive.checkpoint import DamagedArchive
from streams.archive.history import HistoryUnavailable
from streams.herder.herder import Herder
from streams.herder.outputs import Alarm, Output
from streams.ledger.chain import ChainPosition, ForgedLedger, VerifiedLedger
from streams.node.config import ArchiveSettings
from streams.node.inbox import Inbox, Step
from streams.node.rejoin import get_position, make_reporter, open_history

AGAIN_S = 5.0

log = structlog.get_logger()


class ArchiveReader:
    """`target`: the ledger to which it reads now, 0 while it rests. `genesis`: where the chain
    stands after the first ledger."""

    def __init__(
        self,
        settings: ArchiveSettings | None,
        herder: Herder,
        inbox: Inbox,
        genesis: ChainPosition,
    ) -> None:
        self._settings = settings
        self._herder = herder
        self._inbox = inbox
        self._genesis = genesis
        self._wanted = asyncio.Event()
        self._lacking: tuple[int, int] | None = None
        self.target = 0
        self.problem: str | None = None

    def want(self, last: int) -> None:
        """Ledgers up to `last` are needed. Said again and again until it is no longer so."""
        self.target = max(last, self.target)
        self._wanted.set()

    def want_certificates(self, first: int, last: int) -> None:
        """Those of ledgers `first` to `last` are needed. Said again as long as it is so."""
        self._lacking = first, last
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
                await self._read(self._settings)
            self.target, self._lacking = 0, None
            await asyncio.sleep(AGAIN_S)

    async def _read(self, settings: ArchiveSettings) -> None:
        try:
            if self.target:
                await self._read_ledgers(settings, self.target)
            if self._lacking is not None:
                await self._read_certificates(settings, *self._lacking)
            self.problem = None
        except (HistoryUnavailable, DamagedArchive) as error:
            self.problem = str(error)
            log.error("archives_unusable", reason=self.problem)  # noqa: TRY400

    async def _read_ledgers(self, settings: ArchiveSettings, last: int) -> None:
        log.warning("reading_archives", first=self._herder.open_slot, last=last)
        report = make_reporter("reading_archives")
        with open_history(settings, get_position(self._herder.ledger)) as history:
            ledgers = history.read_on(last)
            while (verified := await asyncio.to_thread(_get_next, ledgers)) is not None:
                await self._inbox.put_and_wait(_make_step(self._herder, verified))
                report(verified.header.sequence, last)

    async def _read_certificates(self, settings: ArchiveSettings, first: int, last: int) -> None:
        log.warning("reading_certificates", first=first, last=last)
        with open_history(settings, self._genesis) as history:
            await asyncio.to_thread(history.follow, first - 1)
            ledgers = history.read_on(last)
            while (verified := await asyncio.to_thread(_get_next, ledgers)) is not None:
                reply = make_certificate_reply(verified)
                await self._inbox.put_and_wait(partial(self._herder.take_certificate, reply))


def make_certificate_reply(verified: VerifiedLedger) -> CertificateReply:
    """The certificate alone, as a peer would send it."""
    sequence = U64(verified.header.sequence)
    return CertificateReply(sequence, verified.header_hash, verified.record.certificate)


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
