"""Which offsets of the ingest topic are processed. Pure.

After a restart a node reads on from the oldest offset that is not processed. Repeats do no harm.
"""

from schemas.generated.common import Hash


class Offsets:
    """Per partition the offsets that were read and are not processed."""

    def __init__(self) -> None:
        self._unprocessed: dict[int, dict[int, None]] = {}
        self._next: dict[int, int] = {}
        self._places: dict[Hash, list[tuple[int, int]]] = {}

    def add(self, partition: int, offset: int, envelope_hash: Hash) -> None:
        """Read, in the order of the partition."""
        self._next[partition] = offset + 1
        self._unprocessed.setdefault(partition, {})[offset] = None
        self._places.setdefault(envelope_hash, []).append((partition, offset))

    def skip(self, partition: int, offset: int) -> None:
        """Read and of no use."""
        self._next[partition] = offset + 1

    def set_processed(self, *envelope_hashes: Hash) -> None:
        """Their places are forgotten at once, also behind one that waits for long."""
        for envelope_hash in envelope_hashes:
            for partition, offset in self._places.pop(envelope_hash, ()):
                self._unprocessed[partition].pop(offset, None)

    def get_next(self) -> dict[int, int]:
        """Per partition where to read from after a restart."""
        return {
            partition: next(iter(self._unprocessed.get(partition, ())), next_offset)
            for partition, next_offset in self._next.items()
        }
