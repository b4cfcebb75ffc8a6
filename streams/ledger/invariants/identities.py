"""What stays for ever."""

from typing import Any, ClassVar

from schemas.generated.entries import Account, Asset, AssetSupply, Balance
from schemas.generated.keys import get_key
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerState


class Identities:
    """Accounts, assets and balances stay for ever; a balance keeps its owner and its asset."""

    kinds: ClassVar = (Account, Asset, AssetSupply, Balance)

    def see(self, before: Any, after: Any) -> None:
        if before is None:
            return
        if after is None:
            raise InvariantViolation(f"{get_key(before).hex()} was removed")
        if isinstance(before, Balance) and (before.account_id, before.asset) != (
            after.account_id,
            after.asset,
        ):
            raise InvariantViolation(f"the balance {before.balance_id.hex()} changed hands")

    def conclude(self, state: LedgerState) -> None:
        """Each change was judged by itself."""
