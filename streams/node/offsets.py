"""Which part of the ingest topic this node is done with. Pure.

A node may forget everything after the oldest envelope it has not decided on: after a restart it
reads on from there. Repeats do no harm.
"""

from collections import defaultdict, deque

from schemas.generated.common import Hash


class Offsets:
    """Per partition the offsets read, from the oldest whose envelope is not decided."""

    def __init__(self) -> None:
        self._read: defaultdict[int, deque[tuple[int, Hash]]] = defaultdict(deque)
        self._next: dict[int, int] = {}
        self._undecided: set[Hash] = set()

    def add(self, partition: int, offset: int, envelope_hash: Hash) -> None:
        """Read, in the order of the partition."""
        self._next[partition] = offset + 1
        self._read[partition].append((offset, envelope_hash))
        self._undecided.add(envelope_hash)

    def skip(self, partition: int, offset: int) -> None:
        """Read and of no use."""
        self._next[partition] = offset + 1

    def set_decided(self, *envelope_hashes: Hash) -> None:
        self._undecided.difference_update(envelope_hashes)

    def get_next(self) -> dict[int, int]:
        """Per partition where to read from after a restart."""
        for read in self._read.values():
            while read and read[0][1] not in self._undecided:
                read.popleft()
        return {
            partition: self._read[partition][0][0] if self._read.get(partition) else next_offset
            for partition, next_offset in self._next.items()
        }
