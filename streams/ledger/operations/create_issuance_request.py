"""CreateIssuanceRequest: bringing an amount of one's own asset into circulation."""

from schemas.generated.common import AccountID, Permission
from schemas.generated.ledger import Asset, Balance, EffectKind, IssuanceRequest, Reference
from schemas.generated.operations import (
    CreateIssuanceRequest,
    CreateIssuanceRequestCode,
    CreateIssuanceRequestResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.balances import add_participant, apply_credit, apply_issued, is_full
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.permissions import is_account_allowed
from streams.ledger.references import get_first_use
from streams.ledger.requests import apply_next_request_id, apply_pending_request, get_tasks
from streams.ledger.state import LedgerDelta
from streams.ledger.values import (
    SYSTEM_ISSUANCE_TASKS,
    AssetPolicy,
    IssuanceTask,
    is_asset_code,
    is_details,
)

ASSET_DETAILS_MAX = 2048  # the bound of Asset.details in its schema
OUTPUT_BYTES = 2_600 + 2 * ASSET_DETAILS_MAX


def validate(op: CreateIssuanceRequest) -> CreateIssuanceRequestCode | None:
    """Checks that hold whatever the ledger says."""
    if not is_asset_code(op.asset):
        return CreateIssuanceRequestCode.INVALID_ASSET
    if op.amount == 0:
        return CreateIssuanceRequestCode.INVALID_AMOUNT
    if not op.reference:
        return CreateIssuanceRequestCode.INVALID_REFERENCE
    if not is_details(op.creator_details):
        return CreateIssuanceRequestCode.INVALID_CREATOR_DETAILS
    if op.all_tasks is not None and op.all_tasks & SYSTEM_ISSUANCE_TASKS:
        return CreateIssuanceRequestCode.SYSTEM_TASKS_NOT_ALLOWED
    return None


def apply(
    op: CreateIssuanceRequest, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Issues at once when no task is left, otherwise keeps a pending request (TokenD 1.3)."""
    asset = delta.get_asset(op.asset)
    if asset is None:
        return refused(CreateIssuanceRequestCode.ASSET_NOT_FOUND)
    if asset.owner != source:
        return refused(CreateIssuanceRequestCode.NOT_AUTHORIZED)
    first = get_first_use(delta, source, op.reference)
    if first is not None:
        return refused(CreateIssuanceRequestCode.REFERENCE_DUPLICATION, first)
    receiver = delta.get_balance(op.receiver)
    if receiver is None:
        return refused(CreateIssuanceRequestCode.NO_COUNTERPARTY)
    if not is_account_allowed(delta, receiver.account_id, Permission.RECEIVE_ISSUANCE):
        return refused(CreateIssuanceRequestCode.COUNTERPARTY_NOT_ALLOWED)
    if receiver.asset != op.asset:
        return refused(CreateIssuanceRequestCode.ASSET_MISMATCHED)
    keys = (f"issuance_tasks:{op.asset}", "issuance_tasks:*")
    tasks = get_tasks(delta, op.all_tasks, *keys)
    if tasks is None:
        return refused(CreateIssuanceRequestCode.ISSUANCE_TASKS_NOT_FOUND)
    if asset.issued + asset.pending_issuance + op.amount > asset.max_issuance_amount:
        return refused(CreateIssuanceRequestCode.EXCEEDS_MAX_ISSUANCE_AMOUNT)
    if is_full(receiver, op.amount):
        return refused(CreateIssuanceRequestCode.RECEIVER_FULL_LINE)
    return succeeded(_apply_request(op, delta, context, asset, receiver, tasks))


def compute_output_bytes(op: CreateIssuanceRequest) -> int:
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.creator_details)


def _apply_request(
    op: CreateIssuanceRequest,
    delta: LedgerDelta,
    context: TransactionContext,
    asset: Asset,
    receiver: Balance,
    tasks: int,
) -> CreateIssuanceRequestResult:
    tasks |= _compute_system_tasks(op, asset)
    request_id = apply_next_request_id(delta)
    add_participant(delta, asset.owner)
    if tasks == 0:
        delta.put(Reference(asset.owner, op.reference, context.get_reference()))
        apply_issued(delta, asset, op.amount)
        apply_credit(delta, receiver, op.amount, EffectKind.ISSUED)
    else:
        body = IssuanceRequest(op.asset, op.amount, op.receiver, op.creator_details)
        reserved = (asset.owner, op.reference)
        apply_pending_request(
            delta, context, request_id, asset.owner, body, tasks, reserved=reserved
        )
        add_participant(delta, receiver.account_id)
    return CreateIssuanceRequestResult(request_id, receiver.account_id, fulfilled=tasks == 0)


def _compute_system_tasks(op: CreateIssuanceRequest, asset: Asset) -> int:
    tasks = 0
    if asset.policies & AssetPolicy.ISSUANCE_MANUAL_REVIEW_REQUIRED:
        tasks |= IssuanceTask.MANUAL_REVIEW_REQUIRED
    if op.amount > asset.available_for_issuance:
        tasks |= IssuanceTask.INSUFFICIENT_AVAILABLE_FOR_ISSUANCE
    return int(tasks)
