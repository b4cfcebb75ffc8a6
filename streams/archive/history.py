"""The network's history out of any of its archives, verified. Shell around `chain`.

One archive after the other is asked; what one lacks, or has in a form that is not true, comes from
the next. Trust begins at a position that the caller knows and grows by what is read.
"""

from collections.abc import Callable, Iterator, Sequence

import structlog

from streams.archive.archive import Archive
from streams.archive.bucket import ArchiveUnavailable
from streams.archive.chain import follow_headers
from streams.archive.checkpoint import ArchivedLedger, DamagedArchive
from streams.archive.layout import CHECKPOINTS, get_beginning, get_checkpoint_end, parse_manifests
from streams.ledger.chain import ChainPosition, ForgedLedger, VerifiedLedger, verify_record

log = structlog.get_logger()

Report = Callable[[int, int], None]
"""Told how far it is: the last ledger, and the target."""


class HistoryUnavailable(Exception):
    """No archive has it now; the message says what is missing."""


class History:
    """`archives`, in the order in which they are asked. `position`: the last ledger known to be
    true."""

    def __init__(self, archives: Sequence[Archive], position: ChainPosition) -> None:
        self._archives = tuple(archives)
        self._first = position
        self.position = position

    def close(self) -> None:
        for archive in self._archives:
            archive.close()

    def find_newest(self) -> int:
        """The last ledger of the newest checkpoint anywhere; 0: none. Raises `HistoryUnavailable`
        if no archive answers."""
        found, reasons = [], []
        for archive in self._archives:
            try:
                newest = archive.find_newest_checkpoint()
            except ArchiveUnavailable as error:
                reasons.append(str(error))
            else:
                found.append(0 if newest is None else newest.sequence)
        if not found:
            raise HistoryUnavailable(f"no archive answers: {'; '.join(reasons) or 'none is named'}")
        return max(found)

    def follow(self, last: int, report: Report = lambda *_: None) -> ChainPosition:
        """By headers alone to ledger `last`, which becomes the position. Raises
        `HistoryUnavailable`.
        """
        while self.position.sequence < last:
            self.position = self._ask(lambda each: self._follow_one(each, last))
            report(self.position.sequence, last)
        return self.position

    def _follow_one(self, archive: Archive, last: int) -> ChainPosition | None:
        end = get_checkpoint_end(self.position.sequence + 1)
        for name in parse_manifests(archive.bucket.list(get_beginning(CHECKPOINTS, end))):
            manifest = archive.open_checkpoint(name)
            return follow_headers(self.position, manifest, archive.read, last)
        return None

    def _ask(self, ask: Callable[[Archive], ChainPosition | None]) -> ChainPosition:
        reasons = []
        for archive in self._archives:
            try:
                found = ask(archive)
            except (ArchiveUnavailable, DamagedArchive, ForgedLedger) as error:
                log.warning("archive_unusable", archive=archive.name, reason=str(error))
                reasons.append(str(error))
            else:
                if found is not None:
                    return found
        missing = self.position.sequence + 1
        raise HistoryUnavailable(
            f"no archive has ledger {missing}"
            f" ({'; '.join(reasons) or ', '.join(each.name for each in self._archives)})"
        )

    def read(self, first: int, last: int) -> Iterator[ArchivedLedger]:
        """Ledgers `first` to `last`, verified. Raises `HistoryUnavailable`."""
        if first <= self.position.sequence:
            self.position = self._first
        self.follow(first - 1)
        for verified in self.read_on(last):
            yield ArchivedLedger(verified.header.sequence, verified.record)

    def read_on(self, last: int) -> Iterator[VerifiedLedger]:
        """The ledgers after the position, to `last`; each becomes the position. Raises
        `HistoryUnavailable` where no archive goes on.
        """
        while self.position.sequence < last:
            before = self.position.sequence
            reasons = []
            for archive in self._archives:
                try:
                    for ledger in archive.read_ledgers(self.position.sequence + 1, last):
                        verified = verify_record(self.position, ledger.record)
                        self.position = verified.position
                        yield verified
                except (ArchiveUnavailable, DamagedArchive, ForgedLedger) as error:
                    log.warning("archive_unusable", archive=archive.name, reason=str(error))
                    reasons.append(str(error))
            if self.position.sequence == before:
                raise HistoryUnavailable(
                    f"no archive has ledger {before + 1}"
                    f" ({'; '.join(reasons) or ', '.join(each.name for each in self._archives)})"
                )
