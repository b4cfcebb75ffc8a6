"""Everything after one ledger as objects of an archive, and back as a ledger. Pure.

Nothing in a snapshot is believed: its roots must be those of a header that the chain has proved.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.generated.archive import (
    ArchivedEntry,
    ArchivedHashes,
    ArchivedReferences,
    ObjectKind,
    Snapshot,
)
from schemas.generated.common import Hash
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import LedgerHeader
from streams.archive.checkpoint import (
    DamagedArchive,
    MadeObject,
    Read,
    make_object,
    read_rows,
    split,
)
from streams.ledger.close import Ledger
from streams.ledger.hash_window import HASH_BYTES, HashWindow, split_hashes
from streams.ledger.hashes import compute_hash
from streams.ledger.invariants import check_everything
from streams.ledger.references import (
    USE_BYTES,
    ReferenceRow,
    ReferenceWindow,
    get_bucket,
)
from streams.ledger.state import LedgerState
from streams.ledger.state_trie import build

EntryRow = tuple[bytes, bytes]  # key, entry
HashesRow = tuple[int, int, bytes, bytes]  # sequence, minute, running hash, hashes
ReferencesRow = tuple[int, int, bytes, bytes]  # sequence, bucket's number, running hash, uses


class SnapshotRows(NamedTuple):
    """What a node's database holds beside its ledgers, in the order in which it is archived."""

    entries: Iterable[EntryRow]
    hashes: Iterable[HashesRow]
    references: Iterable[ReferencesRow]


def make_snapshot_objects(rows: SnapshotRows) -> Iterator[MadeObject]:
    """One at a time, so that the state never stands in memory twice."""
    entries = (ArchivedEntry(*row) for row in rows.entries)
    for part in split(entries, lambda each: len(each.key) + len(each.entry)):
        yield make_object(ObjectKind.ENTRIES, ArchivedEntry, part)
    hashes = (ArchivedHashes(row[0], row[1], Hash(row[2]), row[3]) for row in rows.hashes)
    for hash_part in split(hashes, lambda each: len(each.hashes)):
        yield make_object(ObjectKind.HASHES, ArchivedHashes, hash_part)
    uses = (ArchivedReferences(row[0], row[1], Hash(row[2]), row[3]) for row in rows.references)
    for use_part in split(uses, lambda each: len(each.uses)):
        yield make_object(ObjectKind.REFERENCES, ArchivedReferences, use_part)


def read_snapshot(snapshot: Snapshot, read: Read) -> SnapshotRows:
    """The rows, read while they are taken. Raises `DamagedArchive`. They are not verified."""
    objects = snapshot.objects
    return SnapshotRows(
        ((r.key, r.entry) for r in read_rows(objects, read, ObjectKind.ENTRIES, ArchivedEntry)),
        (
            (r.sequence, r.minute, r.running, r.hashes)
            for r in read_rows(objects, read, ObjectKind.HASHES, ArchivedHashes)
        ),
        (
            (r.sequence, r.bucket, r.running, r.uses)
            for r in read_rows(objects, read, ObjectKind.REFERENCES, ArchivedReferences)
        ),
    )


def hold(rows: SnapshotRows) -> SnapshotRows:
    """The same, all read, so that it can be taken more than once."""
    return SnapshotRows(tuple(rows.entries), tuple(rows.hashes), tuple(rows.references))


def make_ledger(rows: SnapshotRows, header: LedgerHeader, header_hash: Hash) -> Ledger:
    """The ledger after `header`. Raises `DamagedArchive` unless its roots are the header's, and
    `InvariantViolation` if they are, and the state cannot be.
    """
    encoded = {KeyBytes(key): entry for key, entry in rows.entries}
    trie = build((compute_hash(key), compute_hash(entry)) for key, entry in encoded.items())
    window = HashWindow()
    window.restore(
        (minute, Hash(running), split_hashes(hashes))
        for _, minute, running, hashes in _check_size(rows.hashes, HASH_BYTES)
    )
    references = ReferenceWindow()
    references.restore(
        (sequence, ReferenceRow(*get_bucket(bucket), Hash(running), uses))
        for sequence, bucket, running, uses in _check_size(rows.references, USE_BYTES)
    )
    for name, found, due in (
        ("state", trie.root, header.state_root),
        ("hash window", window.compute_root(), header.hash_window_root),
        ("reference window", references.compute_root(), header.reference_window_root),
    ):
        if found != due:
            raise DamagedArchive(
                f"the snapshot of ledger {header.sequence} has another {name} than the header says"
            )
    state = LedgerState(encoded, references)
    check_everything(state)
    return Ledger(state, trie, window, header, header_hash)


def _check_size(
    rows: Iterable[tuple[int, int, bytes, bytes]], size: int
) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Each row must hold whole records of `size` bytes. Raises `DamagedArchive`."""
    for row in rows:
        if len(row[3]) % size:
            raise DamagedArchive(f"a window of the snapshot is not what ledger {row[0]} made it")
        yield row
