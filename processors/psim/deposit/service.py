"""The service Deposit of one instance: one watch a chain."""

from typing import Any

from processors.psim.deposit.watch import ChainWatch
from processors.psim.watches import WatchService
from schemas.generated.events import GatewayCallback


class DepositService(WatchService[ChainWatch]):
    """See `processors.psim.intents.Service`."""

    name = "deposit"

    def hint(self, told: GatewayCallback) -> None:
        """A gateway has something new, or somebody says so."""
        for watch in self.watches:
            if watch.chain_id == told.chain_id:
                watch.hint()

    def list_deposits(self) -> list[dict[str, Any]]:
        return [each for watch in self.watches for each in watch.list_deposits()]
