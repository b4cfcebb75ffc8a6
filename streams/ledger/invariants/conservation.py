"""Conservation of value."""

from typing import Any, ClassVar

from schemas.generated.entries import AssetSupply, Balance
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerState


class Conservation:
    """Per asset: what all balances gained is what was issued."""

    kinds: ClassVar = (Balance, AssetSupply)

    def __init__(self) -> None:
        self._gained: dict[str, int] = {}

    def see(self, before: Any, after: Any) -> None:
        for entry, sign in ((before, -1), (after, 1)):
            if isinstance(entry, Balance):
                gain = sign * (entry.amount + entry.locked)
                self._gained[entry.asset] = self._gained.get(entry.asset, 0) + gain
            elif entry is not None:
                self._gained[entry.code] = self._gained.get(entry.code, 0) - sign * entry.issued

    def conclude(self, state: LedgerState) -> None:
        del state
        broken = sorted(asset for asset, gain in self._gained.items() if gain != 0)
        if broken:
            raise InvariantViolation(f"value was made or lost in {', '.join(broken)}")
