"""Finding where a batch ends that cannot be read from the ingest topic. Pure.

A reader of Kafka is told where such a batch begins, not where it ends. Whoever reads from any
offset inside it meets it again. The end is found by trying offsets: first ever larger steps, then
halves.
"""


class Passage:
    """`begin` is the batch's first offset, `end` that of the next record to be produced.

    `target` is the offset to try next; the search is done once the batch's end is known, which is
    then in `high`.
    """

    def __init__(self, begin: int, end: int) -> None:
        self.begin = begin
        self._low = begin  # the last offset known to be inside
        self.high = max(end, begin + 1)  # the first offset known to be beyond
        self._step = 1
        self._has_stepped_over = False

    @property
    def is_done(self) -> bool:
        return self.high - self._low == 1

    @property
    def target(self) -> int:
        if self._has_stepped_over:
            return (self._low + self.high) // 2
        return min(self._low + self._step, self.high - 1)

    def note_inside(self) -> None:
        """Reading from `target` met the batch again."""
        self._low = self.target
        self._step *= 2

    def note_beyond(self) -> None:
        """Reading from `target` met something else."""
        self.high = self.target
        self._has_stepped_over = True
