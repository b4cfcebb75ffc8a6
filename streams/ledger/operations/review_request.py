"""ReviewRequest: approving or rejecting what somebody asked for."""

from msgspec.structs import replace

from schemas.generated.bounds import REVIEWABLE_REQUEST_EXTERNAL_DETAILS_ITEMS_MAX
from schemas.generated.common import AccountID, Action
from schemas.generated.entries import ReviewableRequest
from schemas.generated.ledger import RequestEvent
from schemas.generated.operations import (
    ReviewAction,
    ReviewRequest,
    ReviewRequestCode,
    ReviewRequestResult,
)
from schemas.generated.transactions import FulfilmentRefused, OperationResult
from schemas.tasks import JUDGED_TASKS, SYSTEM_TASKS
from streams.ledger.access.requirements import Requirements, require_request
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests.pending import add_change, proceed, release_request
from streams.ledger.requests.table import (
    OUTPUT_BYTES_MAX,
    compute_request_change_bytes,
    describe_request,
    get_kind,
)
from streams.ledger.state import LedgerDelta, LedgerState

IS_SIZED_BY_STATE = True
OUTPUT_BYTES = 3 * EFFECT_BYTES + compute_result_bytes(ReviewRequestResult)
ANY_REQUEST_BYTES = compute_change_bytes(ReviewableRequest) + OUTPUT_BYTES_MAX


def validate(op: ReviewRequest) -> ReviewRequestCode | None:
    """Checks that hold whatever the ledger says."""
    is_approval = op.action is ReviewAction.APPROVE
    if bool(op.reason) is is_approval:
        return ReviewRequestCode.INVALID_REASON
    if op.tasks_to_add & op.tasks_to_remove:
        return ReviewRequestCode.INVALID_TASKS
    if not is_approval and op.tasks_to_add | op.tasks_to_remove:
        return ReviewRequestCode.INVALID_TASKS
    if op.tasks_to_add & SYSTEM_TASKS or op.tasks_to_remove & JUDGED_TASKS:
        return ReviewRequestCode.SYSTEM_TASKS_NOT_ALLOWED
    if not all(_is_detail_code(each.code) for each in op.external_details):
        return ReviewRequestCode.INVALID_EXTERNAL_DETAILS
    return None


def get_requirements(
    op: ReviewRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Reviewing requests of the kind and asset, with these tasks."""
    request = state.get_reviewable_request(op.request_id)
    if request is None:
        return None
    return (
        require_request(
            Action.REVIEW,
            *describe_request(request, state),
            tasks_to_add=op.tasks_to_add,
            tasks_to_remove=op.tasks_to_remove,
        ),
    )


def apply(
    op: ReviewRequest, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Notes what is done and what else is to be done, or rejects (TokenD 2.2)."""
    request = delta.get_reviewable_request(op.request_id)
    if request is None or request.reviewer != source:
        return refused(ReviewRequestCode.NOT_FOUND)
    if op.sequence_number != request.sequence_number:
        return refused(ReviewRequestCode.SEQUENCE_NUMBER_MISMATCHED)
    if op.request_hash != request.request_hash:
        return refused(ReviewRequestCode.HASH_MISMATCHED)
    is_permanent = op.action is ReviewAction.PERMANENT_REJECT
    if op.action is ReviewAction.REJECT and not get_kind(request).is_editable:
        return refused(ReviewRequestCode.REJECT_NOT_ALLOWED)
    if request.reject_reason and not is_permanent:
        return refused(ReviewRequestCode.REQUEST_IS_REJECTED)
    if op.tasks_to_remove & ~request.pending_tasks:
        return refused(ReviewRequestCode.REMOVING_NOT_SET_TASKS)
    details = request.external_details + op.external_details
    if len(details) > REVIEWABLE_REQUEST_EXTERNAL_DETAILS_ITEMS_MAX:
        return refused(ReviewRequestCode.TOO_MANY_EXTERNAL_DETAILS)
    add_participant(delta, source)
    request = replace(request, external_details=details)
    if op.action is ReviewAction.APPROVE:
        return _approve(op, request, delta, context)
    if is_permanent:
        release_request(delta, request, RequestEvent.PERMANENTLY_REJECTED)
    else:
        request = replace(request, reject_reason=op.reason)
        delta.put(request)
        add_change(delta, request, RequestEvent.REJECTED)
    return succeeded(ReviewRequestResult(False, request.pending_tasks))


def compute_output_bytes(op: ReviewRequest, state: LedgerState | None) -> int:
    """The most bytes it can add to a ledger's body beside the envelope. A request's kind stays, so
    where the state has the request, its kind's size will do."""
    request = None if state is None else state.get_reviewable_request(op.request_id)
    if request is None:
        return OUTPUT_BYTES + ANY_REQUEST_BYTES
    kind = get_kind(request)
    change = compute_request_change_bytes(type(request.body))
    return OUTPUT_BYTES + change + kind.compute_output_bytes(request.body)


def _approve(
    op: ReviewRequest,
    request: ReviewableRequest,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    judge = get_kind(request).compute_system_tasks
    judged = judge(request.body, request.requestor, delta, context) & JUDGED_TASKS
    pending = (request.pending_tasks & ~op.tasks_to_remove & ~JUDGED_TASKS) | op.tasks_to_add
    pending |= judged
    request = replace(request, all_tasks=request.all_tasks | pending, pending_tasks=pending)
    if pending:
        add_change(delta, request, RequestEvent.TASKS_CHANGED)
    refusal = proceed(delta, request, context)
    if refusal is not None:
        return refused(ReviewRequestCode.FULFILMENT_REFUSED, FulfilmentRefused(refusal))
    return succeeded(ReviewRequestResult(pending == 0, pending))


def _is_detail_code(code: str) -> bool:
    return code != "" and code.isascii() and code.isprintable() and " " not in code
