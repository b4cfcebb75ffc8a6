"""The service Deposit of one instance: one watch a chain."""

from typing import Any

from processors.psim.deposit.watch import ChainWatch
from processors.psim.watches import WatchService


class DepositService(WatchService[ChainWatch]):
    """See `processors.psim.intents.Service`."""

    name = "deposit"

    def list_deposits(self) -> list[dict[str, Any]]:
        return [each for watch in self.watches for each in watch.list_deposits()]
