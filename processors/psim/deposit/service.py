"""The service Deposit of one instance: one watch a chain."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from processors.psim.deposit.watch import ChainWatch
from processors.psim.intents import Intent
from processors.psim.view import LedgerView
from schemas.generated.common import Hash
from schemas.generated.events import Evidence


class DepositService:
    """See `processors.psim.intents.Service`."""

    name = "deposit"

    def __init__(self, watches: Sequence[ChainWatch]) -> None:
        self.watches = tuple(watches)

    def get_intents(self, view: LedgerView) -> Mapping[Hash, Intent]:
        intents: dict[Hash, Intent] = {}
        for watch in self.watches:
            intents.update(watch.get_intents(view))
        return intents

    def consider(self, told: Evidence) -> None:
        """Deposits are derived by everybody: nobody proposes any."""

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for watch in self.watches:
                group.create_task(watch.run())
            group.create_task(asyncio.Event().wait())  # also without a chain it goes on

    def get_status(self) -> Mapping[str, Any]:
        chains = [watch.get_status() for watch in self.watches]
        problems = [problem for each in chains for problem in each["problems"]]
        return {"problems": problems, "chains": chains}

    def list_deposits(self) -> list[dict[str, Any]]:
        return [each for watch in self.watches for each in watch.list_deposits()]
