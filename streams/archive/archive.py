"""An archive: the manifests and objects in one bucket, written and read. Shell around the format.

Whose archive it is does not matter: what is read is verified by whoever uses it.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from schemas.generated.archive import ArchivedObject, Checkpoint, Snapshot
from schemas.settings import BucketSettings
from streams.archive import checkpoint as checkpoints
from streams.archive.bucket import Bucket, ObjectMissing
from streams.archive.checkpoint import (
    OBJECT_BYTES_MAX,
    ArchivedLedger,
    DamagedArchive,
    MadeObject,
    open_manifest,
)
from streams.archive.container import encode_container
from streams.archive.layout import (
    CHECKPOINTS,
    SNAPSHOTS,
    ManifestName,
    get_beginning,
    get_manifest_key,
    get_object_key,
    parse_manifests,
)
from streams.ledger.hashes import compute_hash

MANIFEST_BYTES_MAX = 16 * 1024 * 1024
AT_ONCE = 8


class Archive:
    """One node's archive, or a copy of it."""

    def __init__(self, settings: BucketSettings) -> None:
        self.bucket = Bucket(settings)
        self.name = self.bucket.name

    def close(self) -> None:
        self.bucket.close()

    # Reading

    def find_checkpoints(self, first: int, last: int | None = None) -> list[ManifestName]:
        """The manifests whose last ledger is from `first` on, and up to `last` if it is given,
        the newest first. Raises `ArchiveUnavailable`."""
        return list(self._list(CHECKPOINTS, first, last))

    def find_newest_checkpoint(self) -> ManifestName | None:
        """By one call. Raises `ArchiveUnavailable`."""
        found = parse_manifests(self.bucket.list(CHECKPOINTS, count=1))
        return found[0] if found else None

    def find_snapshots(self, last: int | None = None) -> list[ManifestName]:
        """The snapshots up to ledger `last`, the newest first. Raises `ArchiveUnavailable`."""
        return list(self._list(SNAPSHOTS, 0, last))

    def _list(self, folder: str, first: int, last: int | None) -> Iterator[ManifestName]:
        # All that end with `last` come after the beginning of their names.
        after = "" if last is None else get_beginning(folder, last)
        while keys := self.bucket.list(folder, after):
            for name in parse_manifests(keys):
                if name.sequence < first:
                    return
                yield name
            after = keys[-1]

    def open_checkpoint(self, name: ManifestName) -> Checkpoint:
        """Raises `DamagedArchive` and `ArchiveUnavailable`."""
        manifest = open_manifest(Checkpoint, name.hash, self._get(name.key, MANIFEST_BYTES_MAX))
        if manifest.last_sequence != name.sequence:
            raise DamagedArchive(f"{name.key} is the manifest of ledger {manifest.last_sequence}")
        return manifest

    def open_snapshot(self, name: ManifestName) -> Snapshot:
        """Raises `DamagedArchive` and `ArchiveUnavailable`."""
        manifest = open_manifest(Snapshot, name.hash, self._get(name.key, MANIFEST_BYTES_MAX))
        if manifest.sequence != name.sequence:
            raise DamagedArchive(f"{name.key} is the manifest of ledger {manifest.sequence}")
        return manifest

    def _read_object(self, named: ArchivedObject) -> bytes:
        return self._get(get_object_key(named.hash), min(named.size, OBJECT_BYTES_MAX))

    def _get(self, key: str, size_max: int) -> bytes:
        try:
            return self.bucket.get(key, size_max)
        except ObjectMissing as error:
            raise DamagedArchive(str(error)) from None

    def read_ledgers(self, first: int, last: int | None = None) -> Iterator[ArchivedLedger]:
        """Ledgers from `first` on, in order, as far as the archive has them without a gap, but not
        beyond `last`. They are not verified. Raises `DamagedArchive` and `ArchiveUnavailable`.
        """
        due = first
        for name in reversed(self.find_checkpoints(first)):
            manifest = self.open_checkpoint(name)
            if manifest.first_sequence > due:
                return
            for ledger in checkpoints.read_ledgers(manifest, self.read):
                if last is not None and due > last:
                    return
                if ledger.sequence == due:
                    due += 1
                    yield ledger

    def read(self, objects: Iterable[ArchivedObject]) -> Iterator[bytes]:
        """The bytes of `objects`, in order; the next are fetched while one is worked on. Raises
        `DamagedArchive` and `ArchiveUnavailable`."""
        rest = iter(objects)
        with ThreadPoolExecutor(AT_ONCE, "archive") as pool:
            coming = deque(pool.submit(self._read_object, each) for each in islice(rest, AT_ONCE))
            while coming:
                data = coming.popleft().result()
                coming.extend(pool.submit(self._read_object, each) for each in islice(rest, 1))
                yield data

    # Writing

    def write(self, made: MadeObject) -> None:
        """Writes an object unless it is there. Raises `ArchiveUnavailable`."""
        key = get_object_key(made.named.hash)
        if not self.bucket.has(key):
            self.bucket.put(key, made.data)

    def write_checkpoint(self, manifest: Checkpoint) -> None:
        """The manifest, whose objects are all there. Raises `ArchiveUnavailable`."""
        data = encode_container(Checkpoint, [manifest])
        key = get_manifest_key(CHECKPOINTS, manifest.last_sequence, compute_hash(data))
        self.bucket.put(key, data)

    def write_snapshot(self, manifest: Snapshot) -> None:
        """The same of a snapshot."""
        data = encode_container(Snapshot, [manifest])
        self.bucket.put(get_manifest_key(SNAPSHOTS, manifest.sequence, compute_hash(data)), data)
