"""A request to withdraw. While it stands, its amount and fee are locked and count for limits."""

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import (
    AssetFlow,
    AssetSupply,
    Balance,
    FlowKind,
    PendingStatistics,
    ReviewableRequest,
    Statistics,
)
from schemas.generated.ledger import EffectKind
from schemas.generated.requests import WithdrawalRequest
from schemas.generated.transactions import FulfilmentCode
from schemas.tasks import TRANSFER_TASKS
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import require_asset
from streams.ledger.assets import get_known_subject
from streams.ledger.balances import (
    apply_charge_locked,
    apply_left_circulation,
    apply_lock,
    apply_unlock,
    get_balance_asset,
    get_known_balance,
)
from streams.ledger.caps import compute_cap_tasks, count_flow, take_back_flow
from streams.ledger.context import TransactionContext
from streams.ledger.fees import apply_commission, compute_total
from streams.ledger.halts import is_withdrawal_halted
from streams.ledger.limits import (
    WITHDRAWAL_KINDS,
    apply_pending,
    compute_counts,
    drop_pending,
    take_back,
)
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta, LedgerState

IS_EDITABLE = False
NOT_REVIEWED_TASKS = TRANSFER_TASKS
OUTPUT_BYTES = (
    compute_change_bytes(Balance, 2)  # its own, and what collects the fee
    + compute_change_bytes(AssetSupply)
    + compute_change_bytes(Statistics, len(WITHDRAWAL_KINDS))
    + compute_change_bytes(PendingStatistics)
    + compute_change_bytes(AssetFlow)
    + 2 * EFFECT_BYTES
)


def get_asset(body: WithdrawalRequest, state: LedgerState) -> str | None:
    return get_balance_asset(state, body.balance_id)


def is_owner(state: LedgerState, request: ReviewableRequest, account_id: AccountID) -> bool:
    """Whether the account owns the asset that would leave: it pays it out, or refuses to."""
    if not isinstance(request.body, WithdrawalRequest):
        return False
    code = get_asset(request.body, state)
    asset = None if code is None else state.get_asset(code)
    return asset is not None and asset.owner == account_id


def compute_system_tasks(
    body: WithdrawalRequest, requestor: AccountID, state: LedgerState, context: TransactionContext
) -> int:
    """A person looks at it if the asset's cap is exceeded."""
    del requestor
    asset, time_ms = get_asset(body, state), context.ledger.close_time_ms
    if asset is None:
        return 0
    return compute_cap_tasks(state, FlowKind.WITHDRAWAL, asset, body.amount, time_ms)


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Locks amount and fee, and counts the amount."""
    body = get_body(request, WithdrawalRequest)
    balance = get_known_balance(delta, body.balance_id)
    if balance.amount < body.amount + compute_total(body.fee):
        return FulfilmentCode.UNDERFUNDED
    counts = compute_counts(
        delta,
        request.requestor,
        WITHDRAWAL_KINDS,
        balance.asset,
        body.amount,
        context.ledger.close_time_ms,
    )
    if not isinstance(counts, tuple):
        return FulfilmentCode.LIMITS_EXCEEDED
    apply_pending(delta, request.request_id, request.requestor, counts)
    time_ms = context.ledger.close_time_ms
    count_flow(delta, FlowKind.WITHDRAWAL, balance.asset, body.amount, time_ms)
    apply_lock(delta, balance, body.amount, body.fee)
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """The amount leaves the network, unless the requestor may not withdraw any more."""
    body = get_body(request, WithdrawalRequest)
    _, asset = get_known_subject(delta, body.balance_id)
    if is_withdrawal_halted(delta, asset.code):
        return FulfilmentCode.ASSET_HALTED
    withdrawing = require_asset(Action.WITHDRAW, asset.code, asset.asset_type)
    if not is_account_allowed(delta, request.requestor, withdrawing, context):
        return FulfilmentCode.REQUESTOR_NOT_ALLOWED
    pay_out(delta, request, context)
    return None


def pay_out(delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext) -> None:
    """The amount leaves the network."""
    body = get_body(request, WithdrawalRequest)
    balance, asset = get_known_subject(delta, body.balance_id)
    drop_pending(delta, request.request_id)
    apply_charge_locked(delta, balance, body.amount, EffectKind.WITHDRAWN, body.fee)
    apply_left_circulation(delta, asset.code, body.amount)
    apply_commission(delta, context.ledger.network_id, asset.code, compute_total(body.fee))


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    """Unlocks, and takes back what was counted."""
    body = get_body(request, WithdrawalRequest)
    balance, time_ms = get_known_balance(delta, body.balance_id), request.created_at_ms
    take_back(delta, request.request_id)
    take_back_flow(delta, FlowKind.WITHDRAWAL, balance.asset, body.amount, time_ms)
    apply_unlock(delta, balance, body.amount, body.fee)


def get_lock(body: WithdrawalRequest) -> tuple[bytes, int]:
    """What it locks, on which balance."""
    return body.balance_id, body.amount + compute_total(body.fee)
