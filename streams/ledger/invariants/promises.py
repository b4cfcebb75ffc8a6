"""Promised amounts."""

from typing import Any, ClassVar

from schemas.generated.entries import AssetSupply, ReviewableRequest
from schemas.generated.requests import IssuanceRequest
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerState


class Promises:
    """Per asset: what requests to issue ask for is what is promised."""

    kinds: ClassVar = (ReviewableRequest, AssetSupply)

    def __init__(self) -> None:
        self._surplus: dict[str, int] = {}

    def see(self, before: Any, after: Any) -> None:
        for entry, sign in ((before, -1), (after, 1)):
            if isinstance(entry, AssetSupply):
                self._add(entry.code, sign * entry.pending_issuance)
            elif entry is not None and isinstance(entry.body, IssuanceRequest):
                self._add(entry.body.asset, -sign * entry.body.amount)

    def conclude(self, state: LedgerState) -> None:
        del state
        broken = sorted(code for code, surplus in self._surplus.items() if surplus != 0)
        if broken:
            raise InvariantViolation(f"promised is not what is asked for: {', '.join(broken)}")

    def _add(self, code: str, amount: int) -> None:
        self._surplus[code] = self._surplus.get(code, 0) + amount
