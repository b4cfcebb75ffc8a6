"""A request to pay out in redemption of something. While it stands, the amount is locked."""

from schemas.generated.common import Action
from schemas.generated.entries import Balance, ReviewableRequest
from schemas.generated.ledger import EffectKind
from schemas.generated.requests import RedemptionRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import require_asset
from streams.ledger.assets import get_known_subject
from streams.ledger.balances import (
    apply_charge_locked,
    apply_credit,
    apply_lock,
    apply_unlock,
    get_balance_asset,
    get_known_balance,
    get_or_create_first_balance,
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
    return get_balance_asset(state, body.source_balance)


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Locks the amount."""
    del context
    body = get_body(request, RedemptionRequest)
    balance = get_known_balance(delta, body.source_balance)
    if balance.amount < body.amount:
        return FulfilmentCode.UNDERFUNDED
    apply_lock(delta, balance, body.amount)
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Pays out, unless the destination may not receive redemptions any more."""
    body = get_body(request, RedemptionRequest)
    balance, asset = get_known_subject(delta, body.source_balance)
    receiving = require_asset(Action.RECEIVE_REDEMPTION, asset.code, asset.asset_type)
    if not is_account_allowed(delta, body.destination, receiving, context):
        return FulfilmentCode.COUNTERPARTY_NOT_ALLOWED
    network_id = context.ledger.network_id
    receiver = get_or_create_first_balance(delta, network_id, body.destination, asset.code)
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
    apply_unlock(delta, get_known_balance(delta, body.source_balance), body.amount)


def get_lock(body: RedemptionRequest) -> tuple[bytes, int]:
    """What it locks, on which balance."""
    return body.source_balance, body.amount
