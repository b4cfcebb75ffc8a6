"""The network's history out of any of its archives, verified. Shell around `chain`.

One archive after the other is asked; what one lacks, or has in a form that is not true, comes from
the next. Trust begins at a position that the caller knows and grows by what is read.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import structlog

from schemas.generated.archive import Checkpoint
from schemas.generated.common import Hash
from streams.archive.archive import AT_ONCE, Archive
from streams.archive.bucket import ArchiveUnavailable
from streams.archive.chain import Headers, follow_headers, read_header_objects
from streams.archive.checkpoint import ArchivedLedger, DamagedArchive
from streams.archive.layout import ManifestName
from streams.ledger.chain import ChainPosition, ForgedLedger, VerifiedLedger, verify_record

log = structlog.get_logger()

Report = Callable[[int, int], None]
"""Told how far it is: the last ledger, and the target."""
T = TypeVar("T")
UNUSABLE = (ArchiveUnavailable, DamagedArchive, ForgedLedger)


class HistoryUnavailable(Exception):
    """No archive has it now; the message says what is missing."""


class History:
    """`archives`, in the order in which they are asked. `position`: the last ledger known to be
    true; before the genesis, its pinned hash must be given."""

    def __init__(
        self,
        archives: Sequence[Archive],
        position: ChainPosition,
        genesis_hash: Hash | None = None,
    ) -> None:
        self.archives = tuple(archives)
        self._genesis_hash = genesis_hash
        self._first = position
        self.position = position

    def close(self) -> None:
        for archive in self.archives:
            archive.close()

    def find_newest(self) -> int:
        """The last ledger of the newest checkpoint anywhere; 0: none. Raises `HistoryUnavailable`
        if no archive answers."""
        found, reasons = [], []
        for archive in self.archives:
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

        def go_on(archive: Archive) -> Iterator[None]:
            for manifest, headers in read_ahead(archive, self.position.sequence + 1, last):
                if manifest.last_sequence <= self.position.sequence:
                    continue  # another manifest of the checkpoint before
                self.position = follow_headers(self.position, manifest, headers, archive.read, last)
                report(self.position.sequence, last)
                yield

        for _ in self._ask(go_on, last):
            pass
        return self.position

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

        def go_on(archive: Archive) -> Iterator[VerifiedLedger]:
            for ledger in archive.read_ledgers(self.position.sequence + 1, last):
                verified = verify_record(self.position, ledger.record, self._genesis_hash)
                self.position = verified.position
                yield verified

        yield from self._ask(go_on, last)

    def _ask(self, go_on: Callable[[Archive], Iterator[T]], last: int) -> Iterator[T]:
        """What the archives give one after the other, until the position is at `last`."""
        while self.position.sequence < last:
            before, reasons = self.position.sequence, []
            for archive in self.archives:
                try:
                    yield from go_on(archive)
                except UNUSABLE as error:
                    log.warning("archive_unusable", archive=archive.name, reason=str(error))
                    reasons.append(str(error))
            if self.position.sequence == before:
                asked = "; ".join(reasons) or ", ".join(each.name for each in self.archives)
                raise HistoryUnavailable(f"no archive has ledger {before + 1} ({asked})")


def read_ahead(archive: Archive, first: int, last: int) -> Iterator[tuple[Checkpoint, Headers]]:
    """The checkpoints with ledgers from `first` to `last`, in order; the next are fetched while one
    is worked on. Raises `DamagedArchive` and `ArchiveUnavailable`.
    """

    def fetch(name: ManifestName) -> tuple[Checkpoint, Headers]:
        manifest = archive.open_checkpoint(name)
        return manifest, read_header_objects(manifest, archive.read)

    names = deque(reversed(archive.find_checkpoints(first)))
    coming: deque[Future[tuple[Checkpoint, Headers]]] = deque()
    with ThreadPoolExecutor(AT_ONCE, "headers") as pool:
        while names or coming:
            while names and len(coming) < 2 * AT_ONCE:
                coming.append(pool.submit(fetch, names.popleft()))
            manifest, headers = coming.popleft().result()
            if manifest.first_sequence > last:
                names.clear()
                coming.clear()
                return
            yield manifest, headers
