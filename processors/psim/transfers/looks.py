"""Asking a chain once for all services that share its desk. Shell."""

import asyncio
import time

from processors.psim.transfers.desk import Desk
from processors.psim.view import LedgerView


class Looks:
    """`fresh_s`: for so long what was seen counts as seen now; 0: every look asks."""

    def __init__(self, fresh_s: float = 0.0) -> None:
        self._fresh_s = fresh_s
        self._locks: dict[str, asyncio.Lock] = {}
        self._looked_at: dict[str, float] = {}

    async def look(self, desk: Desk, view: LedgerView) -> None:
        """Raises as `Desk.look`."""
        async with self._locks.setdefault(desk.chain_id, asyncio.Lock()):
            looked_at = self._looked_at.get(desk.chain_id)
            if looked_at is not None and time.monotonic() - looked_at < self._fresh_s:
                return
            sequence = view.sequence
            await desk.look(view)
            desk.looked_after = sequence
            self._looked_at[desk.chain_id] = time.monotonic()
