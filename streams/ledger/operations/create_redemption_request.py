"""CreateRedemptionRequest: paying out an amount of one's own asset in redemption of something."""

from schemas.contract import ReferenceKind
from schemas.generated.bounds import CREATE_REDEMPTION_REQUEST_CREATOR_DETAILS_LENGTH_MAX
from schemas.generated.common import AccountID, Action
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    CreateRedemptionRequest,
    CreateRedemptionRequestCode,
    CreateRedemptionRequestResult,
)
from schemas.generated.requests import RedemptionRequest
from schemas.generated.transactions import OperationResult
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import (
    Requirements,
    require_asset,
    require_new_request,
)
from streams.ledger.assets import find_asset_of_balance, get_known_subject
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import (
    compute_reference_refusal,
    refused,
    refused_access,
    succeeded,
)
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import redemption
from streams.ledger.requests.pending import get_tasks, open_request, validate_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

REFERENCE_KIND = ReferenceKind.PAYMENT
OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(RedemptionRequest, is_new=True)
    - CREATE_REDEMPTION_REQUEST_CREATOR_DETAILS_LENGTH_MAX
    + redemption.OUTPUT_BYTES
    + 2 * EFFECT_BYTES
    + compute_result_bytes(CreateRedemptionRequestResult)
)


def validate(op: CreateRedemptionRequest) -> CreateRedemptionRequestCode | None:
    """Checks that hold whatever the ledger says."""
    code: CreateRedemptionRequestCode | None = validate_request(op, CreateRedemptionRequestCode)
    return code


def get_requirements(
    op: CreateRedemptionRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Asking for redemptions of the asset."""
    asset = find_asset_of_balance(state, op.source_balance)
    if asset is None:
        return None
    return (require_new_request("redemption", asset.code, asset.asset_type, op.all_tasks),)


def apply(
    op: CreateRedemptionRequest,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Locks the amount; pays it out at once when no task is left (TokenD 1.2)."""
    balance, asset = get_known_subject(delta, op.source_balance)
    if op.destination == source:
        return refused(CreateRedemptionRequestCode.SELF_REDEMPTION)
    if balance.account_id != source or asset.owner != source:
        return refused(CreateRedemptionRequestCode.NOT_AUTHORIZED)
    refusal = compute_reference_refusal(
        CreateRedemptionRequestCode, REFERENCE_KIND, source, op.reference, delta, context
    )
    if refusal is not None:
        return refusal
    if delta.get_account(op.destination) is None:
        return refused(CreateRedemptionRequestCode.DESTINATION_NOT_FOUND)
    receiving = require_asset(Action.RECEIVE_REDEMPTION, asset.code, asset.asset_type)
    if not is_account_allowed(delta, op.destination, receiving, context):
        code = CreateRedemptionRequestCode.COUNTERPARTY_NOT_ALLOWED
        return refused_access(code, op.destination, receiving)
    tasks = get_tasks(delta, op.all_tasks, "redemption_tasks")
    if tasks is None:
        return refused(CreateRedemptionRequestCode.REDEMPTION_TASKS_NOT_FOUND)
    # The reference stays used whatever becomes of the request.
    delta.use_reference(REFERENCE_KIND, source, op.reference, context.ledger.sequence)
    body = RedemptionRequest(op.source_balance, op.destination, op.amount, op.creator_details)
    opened = open_request(delta, context, source, body, tasks, op.reference)
    if opened.refusal is not None:
        return refused(CreateRedemptionRequestCode[opened.refusal.name])
    if not opened.fulfilled:
        add_participant(delta, op.destination)
    return succeeded(CreateRedemptionRequestResult(opened.request_id, opened.fulfilled))


def compute_output_bytes(op: CreateRedemptionRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.creator_details)
