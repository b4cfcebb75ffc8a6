"""Archives of the simulated nodes: real format, publication and catch-up, buckets in memory.

A bucket may be away for a while, its worker may die before any write, and objects may be damaged.
Readers verify what they read and ask another archive, as in `streams/archive/history.py`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random

from schemas.generated.common import Hash
from schemas.settings import BucketSettings, Secret
from streams.archive.archive import Archive
from streams.archive.bucket import ArchiveUnavailable, Bucket, ObjectMissing
from streams.archive.checkpoint import ArchivedLedger, DamagedArchive
from streams.archive.history import History, HistoryUnavailable
from streams.ledger.chain import ChainPosition
from streams.node.archive_source import ArchiveSource, SourceState, StateView
from streams.node.archive_worker import Publication
from streams.node.config import ArchiveSettings
from tests.simulation.disk import Disk

CHECKPOINT, SNAPSHOT = 4, 8
"""Ledgers in a checkpoint, and between snapshots."""
AWAY = (ArchiveUnavailable, DamagedArchive, HistoryUnavailable)
NOWHERE = BucketSettings("http://nowhere", "archive", "none", Secret("none"))


class WorkerKilled(Exception):
    """The process that archives was killed before a write."""


class MemoryBucket(Bucket):
    """`writes_left`: the worker is killed before the write after these."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.objects: dict[str, bytes] = {}
        self.is_away = False
        self.writes_left: int | None = None

    def close(self) -> None:
        """Nothing is open."""

    def put(self, key: str, data: bytes) -> None:
        self._require_answer()
        if self.writes_left is not None:
            self.writes_left -= 1
            if self.writes_left < 0:
                self.writes_left = None
                raise WorkerKilled
        self.objects[key] = data

    def get(self, key: str, size_max: int) -> bytes:
        self._require_answer()
        data = self.objects.get(key)
        if data is None or len(data) > size_max:
            raise ObjectMissing(f"{self.name}/{key} is not there")
        return data

    def list(self, prefix: str, after: str = "", count: int = 1000) -> list[str]:
        self._require_answer()
        found = (key for key in self.objects if key.startswith(prefix) and key > after)
        return sorted(found)[:count]

    def damage(self, random: Random) -> bool:
        """Flips a bit of some object; whether there was one."""
        if not self.objects:
            return False
        key = random.choice(sorted(self.objects))
        raw = bytearray(self.objects[key])
        raw[random.randrange(len(raw))] ^= 1 << random.randrange(8)
        self.objects[key] = bytes(raw)
        return True

    def _require_answer(self) -> None:
        if self.is_away:
            raise ArchiveUnavailable(f"{self.name}: away")


class MemoryArchive(Archive):
    def __init__(self, bucket: MemoryBucket) -> None:
        self.bucket = bucket
        self.name = bucket.name


class DiskSource(ArchiveSource):
    """A simulated disk as the source of its archive."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def get_state(self) -> SourceState:
        disk = self._disk
        newest = max(disk.ledgers)
        lacking = [s for s, row in disk.ledgers.items() if row.certificate is None and s > 1]
        oldest = min((s for s in disk.ledgers if s > 1), default=0)
        certified = min(lacking) - 1 if lacking else newest
        return SourceState(disk.archived, disk.snapshot, newest, certified, oldest)

    def load_ledger(self, sequence: int) -> ArchivedLedger | None:
        record = self._disk.get_record(sequence)
        return None if record is None else ArchivedLedger(sequence, record)

    def has_all(self, first: int, last: int) -> bool:
        return all(self._disk.get_record(each) is not None for each in range(first, last + 1))

    @contextmanager
    def open_view(self) -> Iterator[StateView]:
        newest = max(self._disk.ledgers)
        header_hash = Hash(self._disk.ledgers[newest].header_hash)
        yield StateView(newest, header_hash, self._disk.make_snapshot())

    def set_archived(self, sequence: int) -> None:
        self._disk.archived = sequence

    def set_snapshot(self, sequence: int) -> None:
        self._disk.snapshot = sequence

    def prune(self, last: int) -> int:
        gone = [s for s in self._disk.ledgers if 1 < s <= last]
        for sequence in gone:
            del self._disk.ledgers[sequence]
        return len(gone)


class Archiving:
    """The worker beside a node, and how a node reads any archive. `kept`: so many ledgers stay on
    the disk when they are archived. `note` counts what happens."""

    def __init__(
        self,
        disk: Disk,
        buckets: Sequence[MemoryBucket],
        own: int,
        kept: int,
        note: Callable[[str], None],
    ) -> None:
        self._settings = ArchiveSettings(NOWHERE, keep=kept, snapshot_ledgers=SNAPSHOT)
        self._disk = disk
        self._own = buckets[own]
        self._others = [each for each in buckets if each is not self._own]
        self._note = note
        self._publication: Publication | None = None

    def work(self, genesis: ChainPosition) -> None:
        """A moment of the worker's life: it dies at a write, or does all that is due."""
        try:
            if self._publication is None:
                made = Publication(
                    DiskSource(self._disk),
                    MemoryArchive(self._own),
                    self._settings,
                    genesis,
                    lambda event: self._note(event["event"]),
                    lambda: [MemoryArchive(each) for each in self._others],
                    CHECKPOINT,
                )
                made.begin()
                self._publication = made
            while self._publication.work():
                pass
        except WorkerKilled:
            self._note("archive worker killed")
            self._publication = None
        except AWAY as error:
            self._note(f"archive: {type(error).__name__}")

    def end(self) -> None:
        """The worker dies with its node."""
        self._publication = None

    def open_history(self, position: ChainPosition) -> History:
        """The others' first: they may be newer."""
        return History([MemoryArchive(each) for each in (*self._others, self._own)], position)
