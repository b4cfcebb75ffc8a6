"""A request to issue: what fulfilling it does."""

from schemas.generated.ledger import EffectKind
from schemas.generated.requests import IssuanceRequest
from streams.ledger.balances import apply_credit, apply_issued
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerDelta


def apply_fulfilment(delta: LedgerDelta, body: IssuanceRequest) -> None:
    """Issues the amount to the receiver; the caller has checked the limits."""
    receiver = delta.get_balance(body.receiver)
    if receiver is None:
        raise InvariantViolation(f"the balance {body.receiver.hex()} is gone")
    apply_issued(delta, body.asset, body.amount)
    apply_credit(delta, receiver, body.amount, EffectKind.ISSUED)
