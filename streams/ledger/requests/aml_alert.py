"""A request to burn an amount under suspicion. While it stands, the amount is locked."""

from schemas.generated.entries import AssetSupply, Balance, ReviewableRequest
from schemas.generated.ledger import EffectKind
from schemas.generated.requests import AmlAlertRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.balances import (
    apply_charge_locked,
    apply_left_circulation,
    apply_lock,
    apply_unlock,
    get_balance_asset,
    get_known_balance,
)
from streams.ledger.context import TransactionContext
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta, LedgerState

IS_EDITABLE = False
OUTPUT_BYTES = compute_change_bytes(Balance) + compute_change_bytes(AssetSupply) + 2 * EFFECT_BYTES


def get_asset(body: AmlAlertRequest, state: LedgerState) -> str | None:
    return get_balance_asset(state, body.balance_id)


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Locks the amount, whoever holds it."""
    del context
    body = get_body(request, AmlAlertRequest)
    balance = get_known_balance(delta, body.balance_id)
    if balance.amount < body.amount:
        return FulfilmentCode.UNDERFUNDED
    apply_lock(delta, balance, body.amount)
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Burns the amount."""
    del context
    body = get_body(request, AmlAlertRequest)
    balance = get_known_balance(delta, body.balance_id)
    apply_charge_locked(delta, balance, body.amount, EffectKind.BURNED)
    apply_left_circulation(delta, balance.asset, body.amount)
    return None


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    """Unlocks the amount."""
    body = get_body(request, AmlAlertRequest)
    apply_unlock(delta, get_known_balance(delta, body.balance_id), body.amount)


def get_lock(body: AmlAlertRequest) -> tuple[bytes, int]:
    """What it locks, on which balance."""
    return body.balance_id, body.amount
