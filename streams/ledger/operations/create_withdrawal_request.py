"""CreateWithdrawalRequest: asking to take an amount out of the network."""

from schemas.contract import ReferenceKind
from schemas.generated.bounds import CREATE_WITHDRAWAL_REQUEST_CREATOR_DETAILS_LENGTH_MAX
from schemas.generated.common import AccountID, Action, Fee
from schemas.generated.entries import Balance, Counters
from schemas.generated.operations import (
    CreateWithdrawalRequest,
    CreateWithdrawalRequestCode,
    CreateWithdrawalRequestResult,
    U128Value,
)
from schemas.generated.requests import WithdrawalRequest
from schemas.generated.transactions import FeesDue, OperationResult
from schemas.json_text import is_json_text
from streams.ledger.access.requirements import (
    Requirements,
    require_asset,
    require_new_request,
)
from streams.ledger.assets import find_asset_of_balance, get_known_subject
from streams.ledger.context import TransactionContext
from streams.ledger.destinations import is_destination
from streams.ledger.fees import NOTHING, WITHDRAWAL, compute_fee, compute_total, is_within
from streams.ledger.key_values import get_number
from streams.ledger.limits import WITHDRAWAL_KINDS, compute_counts
from streams.ledger.operations.outcome import (
    compute_reference_refusal,
    refused,
    refused_limits,
    succeeded,
)
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import withdrawal
from streams.ledger.requests.pending import get_tasks, open_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AssetPolicy

REFERENCE_KIND = ReferenceKind.PAYMENT
LOWER_BOUND = "withdraw_lower_bound:"
OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(WithdrawalRequest, is_new=True)
    - CREATE_WITHDRAWAL_REQUEST_CREATOR_DETAILS_LENGTH_MAX
    + withdrawal.OUTPUT_BYTES
    + EFFECT_BYTES
    + compute_result_bytes(CreateWithdrawalRequestResult)
)


def validate(op: CreateWithdrawalRequest) -> CreateWithdrawalRequestCode | None:
    """Checks that hold whatever the ledger says."""
    if op.amount == 0:
        return CreateWithdrawalRequestCode.INVALID_AMOUNT
    if not op.reference.text:
        return CreateWithdrawalRequestCode.INVALID_REFERENCE
    if not is_destination(op.destination):
        return CreateWithdrawalRequestCode.INVALID_DESTINATION
    if not is_json_text(op.creator_details):
        return CreateWithdrawalRequestCode.INVALID_CREATOR_DETAILS
    return None


def get_requirements(
    op: CreateWithdrawalRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Withdrawing the asset, and asking for it."""
    asset = find_asset_of_balance(state, op.balance_id)
    if asset is None:
        return None
    return (
        require_asset(Action.WITHDRAW, asset.code, asset.asset_type),
        require_new_request("withdrawal", asset.code, asset.asset_type, None),
    )


def apply(
    op: CreateWithdrawalRequest,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Locks amount and fee until reviewers have done the tasks (TokenD 1.2)."""
    balance, asset = get_known_subject(delta, op.balance_id)
    if balance.account_id != source:
        return refused(CreateWithdrawalRequestCode.NOT_AUTHORIZED)
    refusal = compute_reference_refusal(
        CreateWithdrawalRequestCode, REFERENCE_KIND, source, op.reference, delta, context
    )
    if refusal is not None:
        return refusal
    if not asset.policies & AssetPolicy.WITHDRAWABLE:
        return refused(CreateWithdrawalRequestCode.ASSET_IS_NOT_WITHDRAWABLE)
    if op.amount < _get_lower_bound(delta, asset.code):
        return refused(CreateWithdrawalRequestCode.LOWER_BOUND_NOT_EXCEEDED)
    tasks = get_tasks(delta, None, f"withdrawal_tasks:{asset.code}", "withdrawal_tasks:*")
    if tasks is None:
        return refused(CreateWithdrawalRequestCode.WITHDRAWAL_TASKS_NOT_FOUND)
    fee = _compute_fee(op, source, asset.code, delta, context)
    refusal = _compute_amount_refusal(op, balance, fee, delta, context)
    if refusal is not None:
        return refusal
    # The reference stays used whatever becomes of the request.
    delta.use_reference(REFERENCE_KIND, source, op.reference, context.ledger.sequence)
    body = WithdrawalRequest(op.balance_id, op.amount, fee, op.destination, op.creator_details)
    opened = open_request(delta, context, source, body, tasks, op.reference)
    if opened.refusal is not None:
        return refused(CreateWithdrawalRequestCode[opened.refusal.name])
    return succeeded(CreateWithdrawalRequestResult(opened.request_id, asset.code, fee))


def compute_output_bytes(op: CreateWithdrawalRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.creator_details)


def _get_lower_bound(delta: LedgerDelta, asset: str) -> int:
    return get_number(delta, LOWER_BOUND + asset, U128Value) or 0


def _compute_fee(
    op: CreateWithdrawalRequest,
    source: AccountID,
    asset: str,
    delta: LedgerDelta,
    context: TransactionContext,
) -> Fee | None:
    """The master account withdraws for nothing (TokenD 2.1)."""
    if source == context.ledger.settings.master_account:
        return None
    return compute_fee(delta, source, WITHDRAWAL, asset, op.amount)


def _compute_amount_refusal(
    op: CreateWithdrawalRequest,
    balance: Balance,
    fee: Fee | None,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult | None:
    if not is_within(fee, op.fee_max or NOTHING):
        due = FeesDue(balance.asset, fee or NOTHING, NOTHING)
        return refused(CreateWithdrawalRequestCode.INSUFFICIENT_FEE_AMOUNT, due)
    if balance.amount < op.amount + compute_total(fee):
        return refused(CreateWithdrawalRequestCode.UNDERFUNDED)
    at_ms = context.ledger.close_time_ms
    account_id, asset = balance.account_id, balance.asset
    counts = compute_counts(delta, account_id, WITHDRAWAL_KINDS, asset, op.amount, at_ms)
    if not isinstance(counts, tuple):
        return refused_limits(CreateWithdrawalRequestCode, counts)
    return None
