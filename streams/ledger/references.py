"""The reference windows: which references were used on days that may still be named.

A reference is unique per kind, sender and text within the window of its kind: the last days that
the network setting gives, today and tomorrow, by the ledger's close time. Any other day is refused,
so what is dropped with its day can never be used again. Like the hash window, the windows live
beside the state trie: buckets by kind and day, a running hash each, their root in the header. What
they hold follows from the transactions, so ledgers' bodies do not repeat it (schemas/PROTOCOL.md).
"""

from collections.abc import Iterable
from typing import NamedTuple

from schemas.contract import ReferenceKind
from schemas.generated.common import AccountID, Hash, Reference
from schemas.generated.entries import NetworkSettings
from streams.ledger.hashes import ZERO_HASH, compute_hash

DAY_MS = 86_400_000
DIGEST_BYTES = 16  # in memory a shorter hash will do: only a sender can make his own texts collide
ACCOUNT_BYTES, USE_BYTES = 32, 64

KIND_SHIFT = 32  # a bucket's number in databases is its kind << KIND_SHIFT | its day

Bucket = tuple[ReferenceKind, int]  # kind and day


class ReferenceRow(NamedTuple):
    """What a ledger added to a bucket. `uses`: per reference the sender and `compute_use_hash`;
    `is_first`: the bucket was empty before."""

    kind: ReferenceKind
    day: int
    running: Hash
    uses: bytes
    is_first: bool = False


def compute_use_hash(account_id: AccountID, text: str) -> Hash:
    """What the running hash of a bucket takes of one reference."""
    return compute_hash(account_id + text.encode())


def compute_bucket_number(bucket: Bucket) -> int:
    """What names a bucket in databases; it fits 64 bits."""
    kind, day = bucket
    return kind << KIND_SHIFT | day


def get_bucket(number: int) -> Bucket:
    """The inverse of `compute_bucket_number`."""
    return ReferenceKind(number >> KIND_SHIFT), number & (1 << KIND_SHIFT) - 1


def compute_first_day(settings: NetworkSettings, kind: ReferenceKind, today: int) -> int:
    """The first day of the kind's window: what lies before it was dropped, or will be now."""
    if kind is ReferenceKind.PAYMENT:
        return max(today - settings.payment_reference_days, settings.payment_references_from)
    return max(today - settings.issuance_reference_days, settings.issuance_references_from)


def is_in_window(
    settings: NetworkSettings, kind: ReferenceKind, day: int, close_time_ms: int
) -> bool:
    """Whether a ledger of that close time may use references of that day."""
    today = close_time_ms // DAY_MS
    return compute_first_day(settings, kind, today) <= day <= today + 1


class ReferenceWindow:
    """The buckets after one ledger, and what the ledger being closed has added so far."""

    __slots__ = ("_added", "_counts", "_digests", "_first", "_running")

    def __init__(self) -> None:
        self._first: dict[ReferenceKind, dict[bytes, int]] = {kind: {} for kind in ReferenceKind}
        self._running: dict[Bucket, Hash] = {}
        self._digests: dict[Bucket, list[bytes]] = {}
        self._counts: dict[Bucket, dict[AccountID, int]] = {}
        self._added: dict[Bucket, list[tuple[AccountID, Hash]]] = {}

    def get_first_use(self, kind: ReferenceKind, account_id: AccountID, text: str) -> int | None:
        """The sequence of the ledger that closed the first use, if the window holds one."""
        return self._first[kind].get(compute_use_hash(account_id, text)[:DIGEST_BYTES])

    def get_count(self, kind: ReferenceKind, account_id: AccountID, day: int) -> int:
        """How many references of the day the account has used."""
        return self._counts.get((kind, day), {}).get(account_id, 0)

    def use(
        self, kind: ReferenceKind, account_id: AccountID, reference: Reference, sequence: int
    ) -> None:
        """Notes the first use. The caller has checked that it is one."""
        bucket = (kind, reference.day)
        use_hash = compute_use_hash(account_id, reference.text)
        self._put(bucket, account_id, use_hash, sequence)
        self._added.setdefault(bucket, []).append((account_id, use_hash))

    def take_back(self, kind: ReferenceKind, day: int) -> None:
        """Forgets the last use of the bucket: its transaction was rolled back."""
        bucket = (kind, day)
        account_id, _ = self._added[bucket].pop()
        del self._first[kind][self._digests[bucket].pop()]
        counts = self._counts[bucket]
        counts[account_id] -= 1
        if not counts[account_id]:
            del counts[account_id]
        if not self._added[bucket]:
            del self._added[bucket]
        if not counts:
            del self._counts[bucket], self._digests[bucket]

    def drop_passed(self, settings: NetworkSettings, close_time_ms: int) -> list[Bucket]:
        """Drops the buckets that a ledger of this close time can no longer use; returns them."""
        today = close_time_ms // DAY_MS
        passed = [
            bucket
            for bucket in sorted(self._running)
            if bucket[1] < compute_first_day(settings, bucket[0], today)
        ]
        for bucket in passed:
            first = self._first[bucket[0]]
            for digest in self._digests.pop(bucket):
                del first[digest]
            del self._counts[bucket], self._running[bucket]
        return passed

    def seal(self) -> tuple[ReferenceRow, ...]:
        """Takes what the ledger has added into the running hashes. Returns it, for `restore`."""
        rows = []
        for bucket in sorted(self._added):
            uses = sorted(self._added[bucket], key=lambda use: use[1])
            before = self._running.get(bucket, ZERO_HASH)
            running = compute_hash(before + b"".join(use_hash for _, use_hash in uses))
            self._running[bucket] = running
            packed = b"".join(account_id + use_hash for account_id, use_hash in uses)
            rows.append(ReferenceRow(*bucket, running, packed, before == ZERO_HASH))
        self._added.clear()
        return tuple(rows)

    def restore(self, rows: Iterable[tuple[int, ReferenceRow]]) -> None:
        """What ledgers added, with their sequences, in their order. The running hashes are
        computed again, so that the root shows what is not as it was."""
        accounts: dict[AccountID, AccountID] = {}  # one object each, however often it stands there
        for sequence, row in rows:
            bucket = (ReferenceKind(row.kind), row.day)
            added = [self._running.get(bucket, ZERO_HASH)]
            for at in range(0, len(row.uses), USE_BYTES):
                account_id = AccountID(row.uses[at : at + ACCOUNT_BYTES])
                account_id = accounts.setdefault(account_id, account_id)
                use_hash = Hash(row.uses[at + ACCOUNT_BYTES : at + USE_BYTES])
                added.append(use_hash)
                self._put(bucket, account_id, use_hash, sequence)
            self._running[bucket] = compute_hash(b"".join(added))

    def compute_root(self) -> Hash:
        """Hash over (u8 kind || u64 day || running hash), ascending; zeros when there are none."""
        parts = [
            kind.to_bytes(1, "big") + day.to_bytes(8, "big") + self._running[kind, day]
            for kind, day in sorted(self._running)
        ]
        return compute_hash(b"".join(parts)) if parts else ZERO_HASH

    def _put(self, bucket: Bucket, account_id: AccountID, use_hash: Hash, sequence: int) -> None:
        digest = use_hash[:DIGEST_BYTES]
        self._first[bucket[0]][digest] = sequence
        self._digests.setdefault(bucket, []).append(digest)
        counts = self._counts.setdefault(bucket, {})
        counts[account_id] = counts.get(account_id, 0) + 1
