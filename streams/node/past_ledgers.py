"""Certified ledgers for the publisher: from the database or, where they left it, from archives.

So a topic that was lost is completed by itself, and so is that of a node which began with a
snapshot. Shell.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from typing import NamedTuple

import structlog

from streams.archive.checkpoint import ArchivedLedger
from streams.archive.history import HistoryUnavailable
from streams.ledger.chain import ChainPosition
from streams.node.config import ArchiveSettings
from streams.node.rejoin import open_history
from streams.node.store import StoredRecord
from streams.node.store_thread import StoreThread

AT_ONCE = 16
AGAIN_S = 5.0

log = structlog.get_logger()


class _Reading(NamedTuple):
    """Ledgers that are being read one after the other. `opened`: what is closed after the last."""

    opened: ExitStack
    ledgers: Iterator[ArchivedLedger]


class PastLedgers:
    """`genesis`: where all trust begins."""

    def __init__(
        self, store: StoreThread, settings: ArchiveSettings | None, genesis: ChainPosition
    ) -> None:
        self._store = store
        self._settings = settings
        self._genesis = genesis
        self._reading: _Reading | None = None
        self._next = 0

    async def load(self, first: int, bytes_max: int) -> list[StoredRecord]:
        """From `first` on without a gap; none where there are none."""
        records = await self._store.load_records(first, bytes_max)
        if records or self._settings is None:
            return records
        kept = await self._store.run(self._store.store.find_next, first)
        if kept is None or kept <= first:
            return []
        try:
            return await asyncio.to_thread(self._read, self._settings, first, kept - 1)
        except HistoryUnavailable as error:
            self._stop()
            log.error("archives_unusable", reason=str(error))  # noqa: TRY400
            await asyncio.sleep(AGAIN_S)
            return []

    def _read(self, settings: ArchiveSettings, first: int, last: int) -> list[StoredRecord]:
        if self._reading is None or self._next != first:
            self._stop()
            opened = ExitStack()
            history = opened.enter_context(open_history(settings, self._genesis))
            self._reading = _Reading(opened, history.read(first, last))
            log.info("publishing_from_archives", first=first, last=last)
        records = [StoredRecord(*ledger) for ledger in islice(self._reading.ledgers, AT_ONCE)]
        self._next = first + len(records)
        if len(records) < AT_ONCE:  # what has left the database since is read by another call
            self._stop()
        return records

    def _stop(self) -> None:
        if self._reading is not None:
            self._reading.opened.close()
            self._reading = None
