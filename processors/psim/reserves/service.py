"""The service Reserves of one instance: one watch a chain."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from processors.psim.intents import Intent
from processors.psim.reserves.watch import ReserveWatch
from processors.psim.view import LedgerView
from schemas.codec import Malformed, decode
from schemas.generated.common import Hash
from schemas.generated.events import Evidence, ReserveReport, SignedReserveReport


class ReservesService:
    """See `processors.psim.intents.Service`."""

    name = "reserves"

    def __init__(self, watches: Sequence[ReserveWatch]) -> None:
        self.watches = tuple(watches)

    def note_ledger(self, view: LedgerView) -> None:
        for watch in self.watches:
            watch.note_ledger(view)

    def take(self, told: SignedReserveReport) -> None:
        """What an instance tells, one's own too."""
        try:
            report = decode(ReserveReport, told.report)
        except Malformed:
            return
        for watch in self.watches:
            if watch.chain_id == report.chain_id:
                watch.take(told, report)

    def get_intents(self, view: LedgerView) -> Mapping[Hash, Intent]:
        intents: dict[Hash, Intent] = {}
        for watch in self.watches:
            intents.update(watch.get_intents(view))
        return intents

    def consider(self, told: Evidence) -> None:
        """Reports are derived by everybody: nobody proposes any."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for watch in self.watches:
                group.create_task(watch.run())
            group.create_task(asyncio.Event().wait())  # also without a chain it goes on

    def get_status(self) -> Mapping[str, Any]:
        chains = [watch.get_status() for watch in self.watches]
        problems = [problem for each in chains for problem in each["problems"]]
        return {"problems": problems, "chains": chains}
