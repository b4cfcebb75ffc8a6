"""ReviewRequest: approving or rejecting what somebody asked for."""

from msgspec.structs import replace

from schemas.generated.bounds import REVIEWABLE_REQUEST_EXTERNAL_DETAILS_ITEMS_MAX
from schemas.generated.common import AccountID, Action, ApprovalTerms
from schemas.generated.entries import ReviewableRequest
from schemas.generated.ledger import RequestEvent
from schemas.generated.operations import (
    ReviewAction,
    ReviewRequest,
    ReviewRequestCode,
    ReviewRequestResult,
)
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, OperationResult
from schemas.tasks import JUDGED_TASKS, SYSTEM_TASKS
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import Requirements, require_request
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_result_bytes
from streams.ledger.requests.pending import (
    add_change,
    get_current_terms,
    proceed,
    release_request,
)
from streams.ledger.requests.policies import APPROVALS, get_reviewers, get_stricter, judge
from streams.ledger.requests.table import (
    compute_request_change_bytes,
    describe_request,
    get_kind,
)
from streams.ledger.requests.withdrawal import is_owner
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import is_word

IS_SIZED_BY_STATE = True
OUTPUT_BYTES = 3 * EFFECT_BYTES + compute_result_bytes(ReviewRequestResult)


def validate(op: ReviewRequest) -> ReviewRequestCode | None:
    """Checks that hold whatever the ledger says."""
    is_rejection = op.action in (ReviewAction.REJECT, ReviewAction.PERMANENT_REJECT)
    if bool(op.reason) is not is_rejection:
        return ReviewRequestCode.INVALID_REASON
    if op.tasks_to_add & op.tasks_to_remove:
        return ReviewRequestCode.INVALID_TASKS
    if op.action is not ReviewAction.APPROVE and op.tasks_to_add | op.tasks_to_remove:
        return ReviewRequestCode.INVALID_TASKS
    if op.tasks_to_add & SYSTEM_TASKS or op.tasks_to_remove & JUDGED_TASKS:
        return ReviewRequestCode.SYSTEM_TASKS_NOT_ALLOWED
    if not all(is_word(each.code) for each in op.external_details):
        return ReviewRequestCode.INVALID_EXTERNAL_DETAILS
    return None


def get_requirements(
    op: ReviewRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Reviewing requests of the kind and asset, with these tasks; or executing them."""
    request = state.get_reviewable_request(op.request_id)
    if request is None:
        return None
    return (
        require_request(
            Action.EXECUTE if op.action is ReviewAction.EXECUTE else Action.REVIEW,
            *describe_request(request, state),
            tasks_to_add=op.tasks_to_add,
            tasks_to_remove=op.tasks_to_remove,
        ),
    )


def apply(
    op: ReviewRequest, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Notes what is done and what else is to be done, executes or rejects (TokenD 2.2)."""
    request = delta.get_reviewable_request(op.request_id)
    if request is None or not _may_review(op, request, source, delta):
        return refused(ReviewRequestCode.NOT_FOUND)
    if op.sequence_number != request.sequence_number:
        return refused(ReviewRequestCode.SEQUENCE_NUMBER_MISMATCHED)
    if op.request_hash != request.request_hash:
        return refused(ReviewRequestCode.HASH_MISMATCHED)
    if delta.get_committed_request(op.request_id) is not None:
        return refused(ReviewRequestCode.REQUEST_IS_COMMITTED)
    if op.action is ReviewAction.REJECT and not get_kind(request).is_editable:
        return refused(ReviewRequestCode.REJECT_NOT_ALLOWED)
    if request.reject_reason and op.action is not ReviewAction.PERMANENT_REJECT:
        return refused(ReviewRequestCode.REQUEST_IS_REJECTED)
    if op.tasks_to_remove & get_kind(request).not_reviewed_tasks:
        return refused(ReviewRequestCode.TRANSFER_TASKS_NOT_ALLOWED)
    details = request.external_details + op.external_details
    if len(details) > REVIEWABLE_REQUEST_EXTERNAL_DETAILS_ITEMS_MAX:
        return refused(ReviewRequestCode.TOO_MANY_EXTERNAL_DETAILS)
    add_participant(delta, source)
    request = replace(request, external_details=details)
    match op.action:
        case ReviewAction.APPROVE:
            return _approve(op, request, delta, context)
        case ReviewAction.EXECUTE:
            return _execute(request, delta, context)
        case ReviewAction.REJECT:
            request = replace(request, reject_reason=op.reason)
            delta.put(request)
            add_change(delta, request, RequestEvent.REJECTED)
        case ReviewAction.PERMANENT_REJECT:
            release_request(delta, request, RequestEvent.PERMANENTLY_REJECTED)
    return succeeded(ReviewRequestResult(False, request.pending_tasks, 0, None))


def compute_output_bytes(op: ReviewRequest, state: LedgerState | None) -> int:
    """The most bytes it can add to a ledger's body beside the envelope: by the kind of the request,
    which stays. Without the request its transaction is in no set."""
    request = None if state is None else state.get_reviewable_request(op.request_id)
    if request is None:
        return OUTPUT_BYTES
    change = compute_request_change_bytes(type(request.body))
    return OUTPUT_BYTES + change + get_kind(request).compute_output_bytes(request.body)


def _may_review(
    op: ReviewRequest, request: ReviewableRequest, source: AccountID, state: LedgerState
) -> bool:
    """Who owns an asset may refuse to pay it out; everything else is the reviewer's."""
    is_refusal = op.action is ReviewAction.PERMANENT_REJECT
    return request.reviewer == source or (is_refusal and is_owner(state, request, source))


def _approve(
    op: ReviewRequest, request: ReviewableRequest, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    described, terms = describe_request(request, delta), _get_terms(request, delta)
    request = judge(request, terms, described, delta, context)
    if op.tasks_to_remove & ~request.pending_tasks:
        return refused(ReviewRequestCode.REMOVING_NOT_SET_TASKS)
    if op.tasks_to_remove & APPROVALS:
        further = get_reviewers(request, described, delta, context)
        if not further:
            return refused(ReviewRequestCode.REVIEWER_DOES_NOT_COUNT)
        request = judge(request, terms, described, delta, context, further)
    done = op.tasks_to_remove & ~APPROVALS | JUDGED_TASKS
    pending = request.pending_tasks & ~done | op.tasks_to_add
    pending |= _compute_judged_tasks(request, delta, context)
    return _proceed(request, pending, terms, delta, context)


def _execute(
    request: ReviewableRequest, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """After the delay that its terms demand."""
    terms = _get_terms(request, delta)
    request = judge(request, terms, describe_request(request, delta), delta, context)
    if terms is None or not request.pending_tasks & APPROVALS or terms.delay_ms == 0:
        return refused(ReviewRequestCode.NOTHING_TO_EXECUTE)
    if request.approved_at_ms is None:
        return refused(ReviewRequestCode.APPROVALS_MISSING)
    if context.ledger.close_time_ms < request.approved_at_ms + terms.delay_ms:
        return refused(ReviewRequestCode.DELAY_NOT_PASSED)
    pending = request.pending_tasks & ~APPROVALS & ~JUDGED_TASKS
    if pending | _compute_judged_tasks(request, delta, context):
        return refused(ReviewRequestCode.TASKS_PENDING)
    return _proceed(request, 0, terms, delta, context)


def _proceed(
    request: ReviewableRequest,
    pending: int,
    terms: ApprovalTerms | None,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    request = replace(request, all_tasks=request.all_tasks | pending, pending_tasks=pending)
    reason = None
    if pending:
        add_change(delta, request, RequestEvent.TASKS_CHANGED)
    elif not _is_requestor_allowed(request, delta, context):
        reason = FulfilmentRefused(FulfilmentCode.REQUESTOR_NOT_ALLOWED, "")
    reason = reason or proceed(delta, request, context)
    if reason is not None:
        return refused(ReviewRequestCode.FULFILMENT_REFUSED, reason)
    executable_at_ms = None
    if pending & APPROVALS and terms is not None and request.approved_at_ms is not None:
        executable_at_ms = request.approved_at_ms + terms.delay_ms
    return succeeded(
        ReviewRequestResult(pending == 0, pending, len(request.approvals), executable_at_ms)
    )


def _get_terms(request: ReviewableRequest, delta: LedgerDelta) -> ApprovalTerms | None:
    """The stricter of those that it was made under and those of now."""
    return get_stricter(request.terms, get_current_terms(delta, request))


def _compute_judged_tasks(
    request: ReviewableRequest, delta: LedgerDelta, context: TransactionContext
) -> int:
    judge_tasks = get_kind(request).compute_system_tasks
    return judge_tasks(request.body, request.requestor, delta, context) & JUDGED_TASKS


def _is_requestor_allowed(
    request: ReviewableRequest, delta: LedgerDelta, context: TransactionContext
) -> bool:
    """Whether its role still allows such a request: with tasks or without, for itself or not."""
    described = describe_request(request, delta)
    return any(
        is_account_allowed(delta, request.requestor, require_request(each, *described), context)
        for each in (Action.CREATE, Action.CREATE_WITH_TASKS, Action.CREATE_FOR_OTHER)
    )
