"""Reserved codes of assets."""

from typing import Any, ClassVar

from schemas.generated.entries import AssetReservation, ReviewableRequest
from schemas.generated.requests import CreateAssetRequest, UpdateAssetRequest
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerState

RESERVING = (CreateAssetRequest, UpdateAssetRequest)


class Reservations:
    """A code of an asset is reserved by the request that asks for it, and by no other."""

    kinds: ClassVar = (ReviewableRequest, AssetReservation)

    def __init__(self) -> None:
        self._surplus: dict[tuple[str, int], int] = {}

    def see(self, before: Any, after: Any) -> None:
        for entry, sign in ((before, -1), (after, 1)):
            if isinstance(entry, AssetReservation):
                self._add(entry.code, entry.request_id, sign)
            elif entry is not None and isinstance(entry.body, RESERVING):
                self._add(entry.body.asset.code, entry.request_id, -sign)

    def conclude(self, state: LedgerState) -> None:
        del state
        broken = sorted(key for key, surplus in self._surplus.items() if surplus != 0)
        if broken:
            raise InvariantViolation(f"reserved without a request, or the reverse: {broken}")

    def _add(self, code: str, request_id: int, count: int) -> None:
        key = code, request_id
        self._surplus[key] = self._surplus.get(key, 0) + count
