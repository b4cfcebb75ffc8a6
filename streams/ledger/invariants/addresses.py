"""Addresses of external systems and who has them."""

from typing import Any, ClassVar

from schemas.generated.entries import ExternalAddress, ExternalBinding
from schemas.generated.keys import get_key
from streams.ledger.border.chains import is_bank
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerState


class Addresses:
    """Addresses and bindings stay for ever. A chain's address is bound once, without end; the next
    binding of a bank's reference begins after the last has ended."""

    kinds: ClassVar = (ExternalAddress, ExternalBinding)

    def __init__(self) -> None:
        self._made: list[ExternalBinding] = []

    def see(self, before: Any, after: Any) -> None:
        if after is None:
            raise InvariantViolation(f"{get_key(before).hex()} was removed")
        if not isinstance(after, ExternalBinding):
            return
        if before is None:
            self._made.append(after)
        elif (before.account_id, before.from_ms) != (after.account_id, after.from_ms):
            raise InvariantViolation(f"{after.system} {after.address} was another's then")
        if (after.until_ms is None) is is_bank(after.system):
            raise InvariantViolation(f"{after.system} {after.address} is bound for another time")

    def conclude(self, state: LedgerState) -> None:
        for made in self._made:
            if made.number == 1:
                continue
            last = state.get_external_binding(made.system, made.address, made.number - 1)
            if last is None or last.until_ms is None or last.until_ms > made.from_ms:
                raise InvariantViolation(f"{made.system} {made.address} has two owners")
