"""A request to issue. While it stands, its amount counts as promised."""

from schemas.generated.common import AccountID, Action, Fee
from schemas.generated.entries import (
    AssetFlow,
    AssetSupply,
    Balance,
    FlowKind,
    ReviewableRequest,
    Statistics,
)
from schemas.generated.ledger import EffectKind
from schemas.generated.requests import IssuanceRequest
from schemas.generated.transactions import FulfilmentCode
from schemas.tasks import Task
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import require_asset
from streams.ledger.assets import get_active_asset
from streams.ledger.balances import (
    apply_credit,
    apply_issued,
    apply_promised,
    get_supply,
    is_full,
)
from streams.ledger.caps import compute_cap_tasks, count_flow, take_back_flow
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.fees import ISSUANCE, apply_commission, compute_fee, compute_total
from streams.ledger.halts import is_issuance_halted
from streams.ledger.limits import (
    DEPOSIT_KINDS,
    Counts,
    Refusal,
    apply_counts,
    compute_counts,
)
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AssetPolicy

IS_EDITABLE = False
OUTPUT_BYTES = (
    compute_change_bytes(AssetSupply)
    + compute_change_bytes(Balance, 2)  # the receiver's, and what collects the fee
    + compute_change_bytes(Statistics, len(DEPOSIT_KINDS))
    + compute_change_bytes(AssetFlow)
    + 2 * EFFECT_BYTES
)


def get_asset(body: IssuanceRequest, state: LedgerState) -> str:
    del state
    return body.asset


def compute_system_tasks(
    body: IssuanceRequest, requestor: AccountID, state: LedgerState, context: TransactionContext
) -> int:
    """A review that the asset's policy demands; a pre-issuance that is lacking; a limit of the
    receiver's deposits that it would exceed now; a person's look beyond the asset's cap."""
    del requestor
    tasks, asset, supply = 0, state.get_asset(body.asset), get_supply(state, body.asset)
    if asset is not None and asset.policies & AssetPolicy.ISSUANCE_MANUAL_REVIEW_REQUIRED:
        tasks |= Task.MANUAL_REVIEW_REQUIRED
    if body.amount > supply.available_for_issuance:
        tasks |= Task.INSUFFICIENT_AVAILABLE_FOR_ISSUANCE
    receiver = state.get_balance(body.receiver)
    if receiver is not None and not isinstance(_count(receiver, body, state, context), tuple):
        tasks |= Task.LIMIT_EXCEEDED
    time_ms = context.ledger.close_time_ms
    tasks |= compute_cap_tasks(state, FlowKind.ISSUANCE, body.asset, body.amount, time_ms)
    return int(tasks)


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Promises the amount, and counts it for the asset's cap."""
    body = get_body(request, IssuanceRequest)
    asset, supply = get_active_asset(delta, body.asset), get_supply(delta, body.asset)
    if asset is None:
        return FulfilmentCode.ASSET_REMOVED
    if supply.issued + supply.pending_issuance + body.amount > asset.max_issuance_amount:
        return FulfilmentCode.EXCEEDS_MAX_ISSUANCE_AMOUNT
    apply_promised(delta, body.asset, body.amount)
    time_ms = context.ledger.close_time_ms
    count_flow(delta, FlowKind.ISSUANCE, body.asset, body.amount, time_ms)
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Issues the amount to the receiver, whose role is asked again."""
    body = get_body(request, IssuanceRequest)
    if is_issuance_halted(delta, body.asset):
        return FulfilmentCode.ASSET_HALTED
    receiver, asset = delta.get_balance(body.receiver), delta.get_asset(body.asset)
    if receiver is None or asset is None:
        raise InvariantViolation(f"the balance {body.receiver.hex()} or its asset is gone")
    receiving = require_asset(Action.RECEIVE_ISSUANCE, asset.code, asset.asset_type)
    if not is_account_allowed(delta, receiver.account_id, receiving, context):
        return FulfilmentCode.COUNTERPARTY_NOT_ALLOWED
    fee = _compute_fee(receiver, body, delta, context)
    if compute_total(fee) >= body.amount:
        return FulfilmentCode.FEE_EXCEEDS_AMOUNT
    if is_full(receiver, body.amount):
        return FulfilmentCode.RECEIVER_FULL_LINE
    counts = _count(receiver, body, delta, context)
    if not isinstance(counts, tuple):
        return FulfilmentCode.LIMITS_EXCEEDED
    apply_counts(delta, counts)
    apply_promised(delta, body.asset, -body.amount)
    apply_issued(delta, body.asset, body.amount)
    apply_credit(delta, receiver, body.amount, EffectKind.ISSUED, fee)
    apply_commission(delta, context.ledger.network_id, body.asset, compute_total(fee))
    return None


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    """Takes back the promise, and what the asset's cap counted."""
    body = get_body(request, IssuanceRequest)
    time_ms = request.created_at_ms
    take_back_flow(delta, FlowKind.ISSUANCE, body.asset, body.amount, time_ms)
    apply_promised(delta, body.asset, -body.amount)


def _count(
    receiver: Balance, body: IssuanceRequest, state: LedgerState, context: TransactionContext
) -> Counts | Refusal:
    """What the receiver's limits of deposits count of it, or why they do not allow it."""
    time_ms = context.ledger.close_time_ms
    return compute_counts(
        state, receiver.account_id, DEPOSIT_KINDS, body.asset, body.amount, time_ms
    )


def _compute_fee(
    receiver: Balance, body: IssuanceRequest, delta: LedgerDelta, context: TransactionContext
) -> Fee | None:
    """The receiver pays it out of the amount; the master account pays none (TokenD 2.1)."""
    if receiver.account_id == context.ledger.settings.master_account:
        return None
    return compute_fee(delta, receiver.account_id, ISSUANCE, body.asset, body.amount)
