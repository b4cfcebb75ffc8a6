"""JSON of rows that never change, made once for all pages and streams that show them.

It is bounded by bytes, for one row may be a thousand times larger than another. What was made first
goes first: readers look at what is new.
"""

from collections.abc import Hashable, Iterable, Mapping

import msgspec

BYTES_MAX = 48 * 1024 * 1024


class RenderedRows:
    """By a key that names the row, and what it is shown as."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, msgspec.Raw] = {}
        self._bytes = 0

    def get(self, keys: Iterable[Hashable]) -> dict[Hashable, msgspec.Raw]:
        """Those that are kept."""
        return {key: self._rows[key] for key in keys if key in self._rows}

    def keep(self, rows: Mapping[Hashable, msgspec.Raw]) -> None:
        for key, row in rows.items():
            if key not in self._rows:
                self._rows[key] = row
                self._bytes += memoryview(row).nbytes
        while self._bytes > BYTES_MAX:
            oldest = self._rows.pop(next(iter(self._rows)))
            self._bytes -= memoryview(oldest).nbytes
