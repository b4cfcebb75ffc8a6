"""CreateManageLimitsRequest: asking for other limits of one's own."""

from schemas.generated.bounds import CREATE_MANAGE_LIMITS_REQUEST_CREATOR_DETAILS_LENGTH_MAX
from schemas.generated.common import AccountID, Limit
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    CreateManageLimitsRequest,
    CreateManageLimitsRequestCode,
    CreateManageLimitsRequestResult,
)
from schemas.generated.requests import LimitsUpdateRequest
from schemas.generated.transactions import OperationResult
from schemas.json_text import is_json_text
from schemas.tasks import SYSTEM_TASKS
from streams.ledger.access.requirements import Requirements, require_new_request
from streams.ledger.context import TransactionContext
from streams.ledger.limits import is_ascending
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests.pending import edit_request, find_rejected, get_tasks, open_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(LimitsUpdateRequest)
    - CREATE_MANAGE_LIMITS_REQUEST_CREATOR_DETAILS_LENGTH_MAX
    + EFFECT_BYTES
    + compute_result_bytes(CreateManageLimitsRequestResult)
)


def validate(op: CreateManageLimitsRequest) -> CreateManageLimitsRequestCode | None:
    """Checks that hold whatever the ledger says."""
    if not _are_sound(op.limits):
        return CreateManageLimitsRequestCode.INVALID_LIMITS
    if not is_json_text(op.creator_details):
        return CreateManageLimitsRequestCode.INVALID_CREATOR_DETAILS
    if op.all_tasks is None:
        return None
    if op.all_tasks & SYSTEM_TASKS:
        return CreateManageLimitsRequestCode.SYSTEM_TASKS_NOT_ALLOWED
    if op.all_tasks == 0:
        return CreateManageLimitsRequestCode.ZERO_TASKS_NOT_ALLOWED
    if op.request_id != 0:
        return CreateManageLimitsRequestCode.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE
    return None


def get_requirements(
    op: CreateManageLimitsRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements:
    """Asking for limits."""
    return (require_new_request("limits_update", None, None, op.all_tasks),)


def apply(
    op: CreateManageLimitsRequest,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Asks, or asks again after a rejection (TokenD 1.2)."""
    if any(delta.get_asset(each.asset) is None for each in op.limits):
        return refused(CreateManageLimitsRequestCode.ASSET_NOT_FOUND)
    body = LimitsUpdateRequest(op.limits, op.creator_details)
    if op.request_id != 0:
        codes = CreateManageLimitsRequestCode
        request = find_rejected(delta, op.request_id, source, LimitsUpdateRequest, codes)
        if isinstance(request, CreateManageLimitsRequestCode):
            return refused(request)
        edit_request(delta, context, request, body)
        return succeeded(CreateManageLimitsRequestResult(op.request_id))
    tasks = get_tasks(delta, op.all_tasks, "limits_update_tasks")
    if tasks is None:
        return refused(CreateManageLimitsRequestCode.LIMITS_UPDATE_TASKS_NOT_FOUND)
    opened = open_request(delta, context, source, body, tasks)
    return succeeded(CreateManageLimitsRequestResult(opened.request_id))


def compute_output_bytes(op: CreateManageLimitsRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.creator_details)


def _are_sound(limits: tuple[Limit, ...]) -> bool:
    names = {(each.kind.value, each.asset, each.is_convert_needed) for each in limits}
    return 0 < len(limits) == len(names) and all(is_ascending(each.amounts) for each in limits)
