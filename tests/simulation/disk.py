"""A node's disk: the rows that `streams/node/store.py` keeps in PostgreSQL, in memory.

What a method has returned from survives a crash; nothing else does. Loading rebuilds the ledger
from rows alone and refuses rows that do not fit together, as the store does.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

from schemas.codec import decode
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import Certificate, HeaderSignature, LedgerHeader, LedgerRecord
from streams.archive.snapshot import SnapshotRows
from streams.herder.outputs import Certified, Commit, Persist, SetRow, StatementRow
from streams.herder.restored import Restored, RestoredHeader, make_closed_set
from streams.herder.votes import Vote
from streams.ledger.chain import VerifiedLedger, find_former_quorum_set
from streams.ledger.close import ClosedLedger, Ledger
from streams.ledger.hash_window import MINUTE_MS, HashWindow, split_hashes
from streams.ledger.hashes import compute_hash
from streams.ledger.invariants import check_everything
from streams.ledger.references import (
    ReferenceRow,
    ReferenceWindow,
    compute_bucket_number,
    get_bucket,
)
from streams.ledger.state import LedgerState
from streams.ledger.state_trie import build

SLOTS_KEPT = 12


class CorruptDisk(Exception):
    """The rows do not fit together: something was made durable that never held."""


@dataclass(slots=True)
class LedgerRow:
    header_hash: Hash
    header: bytes
    body: bytes
    own: HeaderSignature | None
    certificate: Certificate | None


@dataclass
class Disk:
    """Rows by their primary keys."""

    entries: dict[KeyBytes, bytes] = field(default_factory=dict)
    ledgers: dict[int, LedgerRow] = field(default_factory=dict)
    window: dict[tuple[int, int], tuple[Hash, tuple[Hash, ...]]] = field(default_factory=dict)
    references: list[tuple[int, ReferenceRow]] = field(default_factory=list)
    statements: dict[tuple[int, bool], StatementRow] = field(default_factory=dict)
    sets: dict[Hash, SetRow] = field(default_factory=dict)
    next_offset: int = 0
    votes: tuple[Vote, ...] = ()
    archived: int = 0
    snapshot: int = 0
    is_damaged: bool = False

    def copy(self) -> "Disk":
        return deepcopy(self)

    def persist(self, persist: Persist) -> None:
        for row in persist.statements:
            self.statements[row.slot, row.is_nomination] = row
        for each in persist.sets:
            self.sets.setdefault(each.set_hash, each)

    def commit(self, commit: Commit, next_offset: int) -> None:
        closed = commit.closed
        sequence = closed.header.sequence
        if sequence in self.ledgers:
            raise CorruptDisk(f"ledger {sequence} is committed twice")
        for key, (_, after) in closed.changes.items():
            if after is None:
                del self.entries[key]
            else:
                self.entries[key] = after
        self.ledgers[sequence] = LedgerRow(
            closed.header_hash,
            closed.header_bytes,
            closed.body,
            commit.signature,
            commit.certificate,
        )
        self._write_window(closed)
        self.votes = tuple(v for v in self.votes if v.upgrade not in closed.upgrades)
        self.statements = {
            k: r for k, r in self.statements.items() if k[0] >= sequence - SLOTS_KEPT
        }
        self.sets = {k: r for k, r in self.sets.items() if r.slot > sequence}
        self.next_offset = next_offset

    def _write_window(self, closed: ClosedLedger) -> None:
        for minute, running, hashes in closed.window_rows:
            self.window[minute, closed.header.sequence] = (running, hashes)
        passed = closed.header.close_time_ms // MINUTE_MS
        self.window = {key: row for key, row in self.window.items() if key[0] >= passed}
        dropped = closed.dropped_references
        self.references = [r for r in self.references if (r[1].kind, r[1].day) not in dropped]
        self.references += [(closed.header.sequence, row) for row in closed.reference_rows]

    def damage(self, random: Random) -> None:
        """Flips a bit of a row of the state, or tears the row."""
        newest = self.ledgers[max(self.ledgers)]
        what = random.choice(("entry", "entry", "header", "window"))
        if what == "window" and self.window:
            key = random.choice(sorted(self.window))
            running, hashes = self.window[key]
            self.window[key] = running, tuple(Hash(_flip(each, random)) for each in hashes[:1])
        elif what == "header":
            newest.header = _flip(newest.header, random)
        else:
            row = random.choice(sorted(self.entries))
            raw = self.entries[row]
            self.entries[row] = raw[:-1] if random.random() < 0.5 else _flip(raw, random)
        self.is_damaged = True

    def make_snapshot(self) -> SnapshotRows:
        """What an archive's snapshot holds."""
        window = sorted((s, m, *row) for (m, s), row in self.window.items())
        return SnapshotRows(
            sorted((bytes(key), entry) for key, entry in self.entries.items()),
            [(s, m, running, b"".join(hashes)) for s, m, running, hashes in window],
            [
                (s, compute_bucket_number((row.kind, row.day)), row.running, row.uses)
                for s, row in self.references
            ],
        )

    def install(self, verified: VerifiedLedger, rows: SnapshotRows) -> None:
        """A snapshot in the place of what is here. As the store does."""
        self.entries = {KeyBytes(key): entry for key, entry in rows.entries}
        self.statements, self.sets = {}, {}
        self.window = {
            (minute, sequence): (Hash(running), split_hashes(hashes))
            for sequence, minute, running, hashes in rows.hashes
        }
        self.references = [
            (sequence, ReferenceRow(*get_bucket(bucket), Hash(running), uses))
            for sequence, bucket, running, uses in rows.references
        ]
        self.ledgers = {s: row for s, row in self.ledgers.items() if row.certificate is not None}
        record = verified.record
        self.ledgers[verified.header.sequence] = LedgerRow(
            verified.header_hash, record.header, record.body, None, record.certificate
        )

    def certify(self, certified: Certified) -> None:
        row = self.ledgers.get(certified.sequence)
        if row is not None and row.header_hash == certified.header_hash:
            row.certificate = certified.certificate

    def load_ledger(self) -> Ledger:
        row = self.ledgers[max(self.ledgers)]
        if compute_hash(row.header) != row.header_hash:
            raise CorruptDisk("the newest header is not the one that was stored")
        header = decode(LedgerHeader, row.header)
        trie = build((compute_hash(k), compute_hash(raw)) for k, raw in self.entries.items())
        if trie.root != header.state_root:
            raise CorruptDisk(f"the entries are not those of ledger {header.sequence}")
        window = HashWindow()
        by_sequence = sorted(self.window.items(), key=lambda item: item[0][1])
        window.restore((minute, running, hashes) for (minute, _), (running, hashes) in by_sequence)
        if window.compute_root() != header.hash_window_root:
            raise CorruptDisk(f"the hash window is not that of ledger {header.sequence}")
        references = ReferenceWindow()
        references.restore(self.references)
        if references.compute_root() != header.reference_window_root:
            raise CorruptDisk(f"the reference window is not that of ledger {header.sequence}")
        state = LedgerState(self.entries, references)
        check_everything(state)
        return Ledger(state, trie, window, header, row.header_hash)

    def load_restored(self) -> Restored:
        return Restored(
            tuple(self.statements[key] for key in sorted(self.statements)),
            tuple(sorted(self.sets.values(), key=lambda row: row.slot)),
            tuple(
                RestoredHeader(sequence, row.header_hash, row.own, self._find_quorum_set(sequence))
                for sequence, row in sorted(self.ledgers.items())
                if row.certificate is None
            ),
            tuple(
                make_closed_set(row.header, row.body)
                for sequence, row in self.ledgers.items()
                if row.certificate is None and sequence > max(self.ledgers) - SLOTS_KEPT
            ),
            self.votes,
        )

    def _find_quorum_set(self, sequence: int) -> QuorumSet | None:
        """Who must certify it, if not those who rule now. As the store does."""
        previous = self.ledgers.get(sequence - 1)
        if previous is None:  # it is archived, and left the disk
            return None
        header = decode(LedgerHeader, previous.header)
        newest = decode(LedgerHeader, self.ledgers[max(self.ledgers)].header)
        if header.quorum_set_hash == newest.quorum_set_hash:
            return None
        bodies = [row.body for later, row in sorted(self.ledgers.items()) if later >= sequence]
        return find_former_quorum_set(bodies, header.quorum_set_hash)

    def get_uncertified(self) -> list[int]:
        """Ledgers below the newest that lack their certificates."""
        newest = max(self.ledgers)
        return [s for s, row in self.ledgers.items() if s < newest and row.certificate is None]

    def get_record(self, sequence: int) -> LedgerRecord | None:
        """The certified ledger, as it is published and sent."""
        row = self.ledgers.get(sequence)
        if row is None or row.certificate is None:
            return None
        return LedgerRecord(row.header, row.certificate, row.body)


def _flip(raw: bytes, random: Random) -> bytes:
    changed = bytearray(raw)
    changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)
