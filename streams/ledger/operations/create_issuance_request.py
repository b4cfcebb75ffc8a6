"""CreateIssuanceRequest: bringing an amount of one's own asset into circulation."""

from schemas.contract import ReferenceKind
from schemas.generated.bounds import CREATE_ISSUANCE_REQUEST_CREATOR_DETAILS_LENGTH_MAX
from schemas.generated.common import AccountID, Action
from schemas.generated.entries import Balance, Counters
from schemas.generated.operations import (
    CreateIssuanceRequest,
    CreateIssuanceRequestCode,
    CreateIssuanceRequestResult,
    IssuanceToBalance,
)
from schemas.generated.requests import IssuanceRequest
from schemas.generated.transactions import OperationResult
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import Requirements, require_asset, require_new_request
from streams.ledger.assets import get_active_asset
from streams.ledger.balances import add_participant, get_or_create_first_balance
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import (
    compute_reference_refusal,
    refused,
    refused_access,
    succeeded,
)
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import issuance
from streams.ledger.requests.pending import get_tasks, open_request, validate_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

REFERENCE_KIND = ReferenceKind.ISSUANCE
OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(IssuanceRequest, is_new=True)
    - CREATE_ISSUANCE_REQUEST_CREATOR_DETAILS_LENGTH_MAX
    + issuance.OUTPUT_BYTES
    + 3 * EFFECT_BYTES
    + compute_result_bytes(CreateIssuanceRequestResult)
)


def validate(op: CreateIssuanceRequest) -> CreateIssuanceRequestCode | None:
    """Checks that hold whatever the ledger says."""
    code: CreateIssuanceRequestCode | None = validate_request(op, CreateIssuanceRequestCode)
    return code


def get_requirements(
    op: CreateIssuanceRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Asking to issue the asset."""
    asset = state.get_asset(op.asset)
    if asset is None:
        return None
    return (require_new_request("issuance", asset.code, asset.asset_type, op.all_tasks),)


def apply(
    op: CreateIssuanceRequest, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Issues at once when no task is left, otherwise keeps a pending request (TokenD 1.3)."""
    asset = get_active_asset(delta, op.asset)
    if asset is None:
        return refused(CreateIssuanceRequestCode.ASSET_REMOVED)
    if asset.owner != source:
        return refused(CreateIssuanceRequestCode.NOT_AUTHORIZED)
    refusal = compute_reference_refusal(
        CreateIssuanceRequestCode, REFERENCE_KIND, source, op.reference, delta, context
    )
    if refusal is not None:
        return refusal
    receiver = _get_or_create_receiver(op, delta, context)
    if receiver is None:
        return refused(CreateIssuanceRequestCode.NO_COUNTERPARTY)
    account_id = receiver.account_id
    receiving = require_asset(Action.RECEIVE_ISSUANCE, asset.code, asset.asset_type)
    if not is_account_allowed(delta, account_id, receiving, context):
        code = CreateIssuanceRequestCode.COUNTERPARTY_NOT_ALLOWED
        return refused_access(code, account_id, receiving)
    if receiver.asset != op.asset:
        return refused(CreateIssuanceRequestCode.ASSET_MISMATCHED)
    keys = (f"issuance_tasks:{op.asset}", "issuance_tasks:*")
    tasks = get_tasks(delta, op.all_tasks, *keys)
    if tasks is None:
        return refused(CreateIssuanceRequestCode.ISSUANCE_TASKS_NOT_FOUND)
    # The reference stays used whatever becomes of the request.
    delta.use_reference(REFERENCE_KIND, source, op.reference, context.ledger.sequence)
    body = IssuanceRequest(op.asset, op.amount, receiver.balance_id, op.creator_details)
    opened = open_request(delta, context, source, body, tasks, op.reference)
    if opened.refusal is not None:
        return refused(CreateIssuanceRequestCode[opened.refusal.name])
    if not opened.fulfilled:
        add_participant(delta, account_id)
    return succeeded(
        CreateIssuanceRequestResult(
            opened.request_id, account_id, receiver.balance_id, opened.fulfilled
        )
    )


def compute_output_bytes(op: CreateIssuanceRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.creator_details)


def _get_or_create_receiver(
    op: CreateIssuanceRequest, delta: LedgerDelta, context: TransactionContext
) -> Balance | None:
    """Created before the last guards: a refusal takes the whole transaction back."""
    if isinstance(op.receiver, IssuanceToBalance):
        return delta.get_balance(op.receiver.balance_id)
    network_id, account_id = context.ledger.network_id, op.receiver.account_id
    if delta.get_account(account_id) is None:
        return None
    return get_or_create_first_balance(delta, network_id, account_id, op.asset)
