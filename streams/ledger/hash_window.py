"""The hash window: which transactions entered a ledger and could still be offered again.

Buckets by the minute of `max_time_ms`, each a running hash over the sorted transaction hashes that
each ledger added; a bucket is dropped whole once no transaction in it could be valid. The header
commits to the list of buckets. Results are looked up elsewhere.
"""

from collections.abc import Iterable

from schemas.generated.common import Hash
from streams.ledger.hashes import ZERO_HASH, compute_hash

MINUTE_MS = 60_000
HASH_BYTES = 32
WindowRow = tuple[int, Hash, tuple[Hash, ...]]  # minute, running hash after it, hashes it added


def split_hashes(packed: bytes) -> tuple[Hash, ...]:
    """As rows and archives keep them: one after the other."""
    return tuple(Hash(packed[at : at + HASH_BYTES]) for at in range(0, len(packed), HASH_BYTES))


class HashWindow:
    """The buckets after one ledger."""

    __slots__ = ("_hashes", "_running")

    def __init__(self) -> None:
        self._running: dict[int, Hash] = {}
        self._hashes: dict[int, set[Hash]] = {}

    def has(self, transaction_hash: Hash, max_time_ms: int) -> bool:
        return transaction_hash in self._hashes.get(max_time_ms // MINUTE_MS, ())

    def add_ledger(
        self, transactions: Iterable[tuple[Hash, int]], close_time_ms: int
    ) -> tuple[WindowRow, ...]:
        """`transactions`: (hash, max_time_ms) of those a ledger took, in any order. Returns what
        it added, for `restore`."""
        added: dict[int, list[Hash]] = {}
        for transaction_hash, max_time_ms in transactions:
            added.setdefault(max_time_ms // MINUTE_MS, []).append(transaction_hash)
        for minute, hashes in added.items():
            running = self._running.get(minute, ZERO_HASH)
            self._running[minute] = compute_hash(running + b"".join(sorted(hashes)))
            self._hashes.setdefault(minute, set()).update(hashes)
        self._drop_passed(close_time_ms)
        kept = sorted(minute for minute in added if minute in self._running)
        return tuple((m, self._running[m], tuple(sorted(added[m]))) for m in kept)

    def _drop_passed(self, close_time_ms: int) -> None:
        passed = [m for m in self._running if (m + 1) * MINUTE_MS <= close_time_ms]
        for minute in passed:
            del self._running[minute]
            del self._hashes[minute]

    def restore(self, rows: Iterable[WindowRow]) -> None:
        """What ledgers added, in their order. The running hashes are computed again, so that the
        root shows what is not as it was."""
        for minute, _, hashes in rows:
            before = self._running.get(minute, ZERO_HASH)
            self._running[minute] = compute_hash(before + b"".join(hashes))
            self._hashes.setdefault(minute, set()).update(hashes)

    def compute_root(self) -> Hash:
        """Hash over (u64 minute || running hash), ascending; zeros when there are none."""
        buckets = [m.to_bytes(8, "big") + self._running[m] for m in sorted(self._running)]
        return compute_hash(b"".join(buckets)) if buckets else ZERO_HASH
