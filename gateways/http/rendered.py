"""JSON of rows that never change, rendered once for all pages and streams that show them.

The cache is bounded by bytes, because one row can be a thousand times larger than another. The
oldest go first: readers look at what is new.
"""

from collections.abc import Hashable, Iterable, Mapping

import msgspec

BYTES_MAX = 48 * 1024 * 1024


class RenderedRows:
    """By a key that names the row and its form."""

    def __init__(self) -> None:
        self._rows: dict[Hashable, msgspec.Raw] = {}
        self._bytes = 0

    def get(self, keys: Iterable[Hashable]) -> dict[Hashable, msgspec.Raw]:
        """Those of `keys` that are cached."""
        return {key: self._rows[key] for key in keys if key in self._rows}

    def keep(self, rows: Mapping[Hashable, msgspec.Raw]) -> None:
        for key, row in rows.items():
            if key not in self._rows:
                self._rows[key] = row
                self._bytes += memoryview(row).nbytes
        while self._bytes > BYTES_MAX:
            oldest = self._rows.pop(next(iter(self._rows)))
            self._bytes -= memoryview(oldest).nbytes
