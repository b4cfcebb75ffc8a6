"""Maxima of issuance."""

from typing import Any, ClassVar

from schemas.generated.entries import Asset, AssetSupply
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerState


class IssuanceLimits:
    """No asset is issued, or promised, beyond its maximum."""

    kinds: ClassVar = (Asset, AssetSupply)

    def __init__(self) -> None:
        self._codes: set[str] = set()

    def see(self, before: Any, after: Any) -> None:
        self._codes.add((after or before).code)

    def conclude(self, state: LedgerState) -> None:
        for code in sorted(self._codes):
            asset, supply = state.get_asset(code), state.get_asset_supply(code)
            if asset is None or supply is None:
                raise InvariantViolation(f"{code} lacks its definition or its supply")
            if supply.issued + supply.pending_issuance > asset.max_issuance_amount:
                raise InvariantViolation(f"{code} is issued beyond its maximum")
