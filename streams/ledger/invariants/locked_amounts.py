"""Locked amounts."""

from typing import Any, ClassVar

from schemas.generated.entries import Balance, ReviewableRequest
from streams.ledger.errors import InvariantViolation
from streams.ledger.requests.locks import get_lock
from streams.ledger.state import LedgerState


class LockedAmounts:
    """What is locked on a balance is what requests lock on it."""

    kinds: ClassVar = (Balance, ReviewableRequest)

    def __init__(self) -> None:
        self._surplus: dict[bytes, int] = {}

    def see(self, before: Any, after: Any) -> None:
        for entry, sign in ((before, -1), (after, 1)):
            if isinstance(entry, Balance):
                if entry.locked:
                    self._add(entry.balance_id, sign * entry.locked)
            elif entry is not None:
                lock = get_lock(entry.body)
                if lock is not None:
                    self._add(lock[0], -sign * lock[1])

    def conclude(self, state: LedgerState) -> None:
        del state
        for balance_id, surplus in self._surplus.items():
            if surplus != 0:
                raise InvariantViolation(f"{balance_id.hex()} does not lock what requests lock")

    def _add(self, balance_id: bytes, amount: int) -> None:
        self._surplus[balance_id] = self._surplus.get(balance_id, 0) + amount
