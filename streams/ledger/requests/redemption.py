"""A request to pay out in redemption of something. While it stands, the amount is locked."""

from schemas.generated.common import Action
from schemas.generated.entries import Balance, ReviewableRequest
from schemas.generated.ledger import EffectKind
from schemas.generated.requests import RedemptionRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import require_asset
from streams.ledger.balances import (
    apply_charge_locked,
    apply_credit,
    apply_lock,
    apply_new_balance,
    apply_unlock,
    get_first_balance,
    is_full,
)
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta, LedgerState

IS_EDITABLE = False
OUTPUT_BYTES = compute_change_bytes(Balance, 2) + 3 * EFFECT_BYTES


def get_asset(body: RedemptionRequest, state: LedgerState) -> str | None:
    balance = state.get_balance(body.source_balance)
    return None if balance is None else balance.asset


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Locks the amount."""
    del context
    body = get_body(request, RedemptionRequest)
    balance = _get_balance(delta, body)
    if balance.amount < body.amount:
        return FulfilmentCode.UNDERFUNDED
    apply_lock(delta, balance, body.amount)
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Pays out, unless the destination may not receive redemptions any more."""
    body = get_body(request, RedemptionRequest)
    balance = _get_balance(delta, body)
    asset = delta.get_asset(balance.asset)
    if asset is None:
        raise InvariantViolation(f"the asset {balance.asset} is gone")
    receiving = require_asset(Action.RECEIVE_REDEMPTION, asset.code, asset.asset_type)
    if not is_account_allowed(delta, body.destination, receiving, context):
        return FulfilmentCode.COUNTERPARTY_NOT_ALLOWED
    network_id = context.ledger.network_id
    first = get_first_balance(delta, network_id, body.destination, asset.code)
    receiver = first or apply_new_balance(delta, network_id, body.destination, asset.code)
    if receiver is None:
        raise InvariantViolation("an account without a first balance has a hundred others")
    if is_full(receiver, body.amount):
        return FulfilmentCode.RECEIVER_FULL_LINE
    apply_charge_locked(delta, balance, body.amount, EffectKind.CHARGED_FROM_LOCKED)
    apply_credit(delta, receiver, body.amount, EffectKind.FUNDED)
    return None


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    """Unlocks the amount."""
    body = get_body(request, RedemptionRequest)
    apply_unlock(delta, _get_balance(delta, body), body.amount)


def get_lock(body: RedemptionRequest) -> tuple[bytes, int]:
    """What it locks, on which balance."""
    return body.source_balance, body.amount


def _get_balance(delta: LedgerDelta, body: RedemptionRequest) -> Balance:
    balance = delta.get_balance(body.source_balance)
    if balance is None:
        raise InvariantViolation(f"the balance {body.source_balance.hex()} is gone")
    return balance
