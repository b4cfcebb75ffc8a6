"""The one path of reviewable requests: created, edited, fulfilled, ended (TokenD 2.2).

A request whose tasks are 0 is created and fulfilled like one that was reviewed; it just never
stands in the state. What a kind does is in its module (see `table`).
"""

from typing import Any, NamedTuple

from msgspec.structs import replace

from schemas.codec import encode
from schemas.generated.common import AccountID, ApprovalTerms, Hash, Reference
from schemas.generated.entries import RequestContent, ReviewableRequest
from schemas.generated.keys import reviewable_request_key
from schemas.generated.ledger import EffectKind, RequestChange, RequestEvent
from schemas.generated.operations import U32Value
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused
from schemas.json_text import is_json_text
from schemas.tasks import SYSTEM_TASKS, Task
from streams.ledger.context import TransactionContext
from streams.ledger.hashes import compute_hash
from streams.ledger.key_values import get_number
from streams.ledger.requests.policies import get_authors, get_stricter, get_terms
from streams.ledger.requests.table import REQUESTS, Refusal, get_kind
from streams.ledger.state import LedgerDelta, LedgerState


class Opened(NamedTuple):
    """What came of a new request. With a `refusal` the operation must be refused."""

    request_id: int
    fulfilled: bool
    detail: FulfilmentRefused | None

    @property
    def refusal(self) -> FulfilmentCode | None:
        return None if self.detail is None else self.detail.code


def get_tasks(state: LedgerState, given: int | None, *keys: str) -> int | None:
    """The tasks given, or those of the first of `keys` that is set; None: the feature is closed."""
    if given is not None:
        return given
    found = (get_number(state, key, U32Value) for key in keys)
    return next((tasks for tasks in found if tasks is not None), None)


def compute_request_hash(request_id: int, sequence_number: int, body: Any) -> Hash:
    """What a review names; `body` is one of schemas/requests."""
    return compute_hash(encode(RequestContent(request_id, sequence_number, body)))


def open_request(
    delta: LedgerDelta,
    context: TransactionContext,
    requestor: AccountID,
    body: Any,
    tasks: int,
    reference: Reference | None = None,
) -> Opened:
    """A new request; fulfilled at once if neither `tasks` nor the system hold it back.

    The caller has checked and used the `reference`.
    """
    kind = REQUESTS[type(body)]
    tasks |= kind.compute_system_tasks(body, requestor, delta, context)
    terms = get_terms(delta, kind.name, kind.get_asset(body, delta), get_amount(body))
    if terms is not None:
        tasks |= Task.APPROVALS_REQUIRED
    counters = delta.get_counters()
    request_id = counters.request + 1
    delta.put(replace(counters, request=request_id))
    request = ReviewableRequest(
        request_id=request_id,
        sequence_number=1,
        request_hash=compute_request_hash(request_id, 1, body),
        requestor=requestor,
        reviewer=delta.get_network_settings().master_account,
        reject_reason="",
        reference=reference,
        created_at_ms=context.ledger.close_time_ms,
        all_tasks=int(tasks),
        pending_tasks=int(tasks),
        external_details=(),
        creators=get_authors(delta, requestor, context.signers),
        editors=(),
        terms=terms,
        approvals=(),
        approved_at_ms=None,
        body=body,
    )
    add_change(delta, request, RequestEvent.CREATED)
    return Opened(request_id, tasks == 0, _hold(delta, request, context))


def validate_request(op: Any, codes: Any) -> Any:
    """What operations that ask for an amount have in common, whatever the ledger says. `codes`: the
    operation's enum."""
    if op.amount == 0:
        return codes.INVALID_AMOUNT
    if op.reference is not None and not op.reference.text:
        return codes.INVALID_REFERENCE
    if not is_json_text(op.creator_details):
        return codes.INVALID_CREATOR_DETAILS
    if op.all_tasks is not None and op.all_tasks & SYSTEM_TASKS:
        return codes.SYSTEM_TASKS_NOT_ALLOWED
    return None


def find_own_request(
    state: LedgerState, request_id: int, source: AccountID, *bodies: type
) -> ReviewableRequest | None:
    """A request that `source` has made, of one of these kinds."""
    request = state.get_reviewable_request(request_id)
    if request is None or request.requestor != source:
        return None
    return request if isinstance(request.body, bodies) else None


def find_rejected(
    state: LedgerState, request_id: int, source: AccountID, body: type, codes: Any
) -> Any:
    """The rejected request that `source` may edit, or why it may not. `codes`: the operation's
    enum; `body`: the kind's record."""
    request = find_own_request(state, request_id, source, body)
    if request is None:
        return codes.REQUEST_NOT_FOUND
    return request if request.reject_reason else codes.REQUEST_IS_PENDING


def edit_request(
    delta: LedgerDelta, context: TransactionContext, request: ReviewableRequest, body: Any
) -> FulfilmentCode | None:
    """Replaces the body of a rejected request, which awaits its reviewer again with all tasks and
    without approvals."""
    kind = get_kind(request)
    kind.release(delta, request)
    sequence_number = request.sequence_number + 1
    system_tasks = kind.compute_system_tasks(body, request.requestor, delta, context)
    terms = get_stricter(request.terms, get_current_terms(delta, replace(request, body=body)))
    if terms is not None:
        system_tasks |= Task.APPROVALS_REQUIRED
    tasks = int(request.all_tasks | system_tasks)
    edited = replace(
        request,
        sequence_number=sequence_number,
        request_hash=compute_request_hash(request.request_id, sequence_number, body),
        reject_reason="",
        all_tasks=tasks,
        pending_tasks=tasks,
        editors=get_authors(delta, request.requestor, context.signers),
        terms=terms,
        approvals=(),
        approved_at_ms=None,
        body=body,
    )
    add_change(delta, edited, RequestEvent.EDITED)
    refused = _hold(delta, edited, context)
    return None if refused is None else refused.code


def proceed(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentRefused | None:
    """Keeps the request while a task is pending, and fulfils it once none is."""
    if request.pending_tasks:
        delta.put(request)
        return None
    refused = _explain(get_kind(request).fulfil(delta, request, context))
    if refused is None:
        end_request(delta, request, RequestEvent.FULFILLED)
    return refused


def get_amount(body: Any) -> int:
    """Of what is asked for, if that is an amount."""
    return int(getattr(body, "amount", 0))


def get_current_terms(state: LedgerState, request: ReviewableRequest) -> ApprovalTerms | None:
    """What the policies of now demand for the request."""
    kind = get_kind(request)
    asset = kind.get_asset(request.body, state)
    return get_terms(state, kind.name, asset, get_amount(request.body))


def release_request(delta: LedgerDelta, request: ReviewableRequest, event: RequestEvent) -> None:
    """Ends it without effect. A reference that it used stays used."""
    get_kind(request).release(delta, request)
    end_request(delta, request, event)


def add_change(delta: LedgerDelta, request: ReviewableRequest, event: RequestEvent) -> None:
    """Tells the requestor's history what happened to the request."""
    detail = RequestChange(request.request_id, get_kind(request).name, event, request.pending_tasks)
    delta.add_effect(request.requestor, EffectKind.REQUEST_CHANGED, detail)


def _hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentRefused | None:
    refused = _explain(get_kind(request).hold(delta, request, context))
    return refused or proceed(delta, request, context)


def _explain(refusal: Refusal) -> FulfilmentRefused | None:
    return FulfilmentRefused(refusal, "") if isinstance(refusal, FulfilmentCode) else refusal


def end_request(delta: LedgerDelta, request: ReviewableRequest, event: RequestEvent) -> None:
    """Takes it out of the state and tells how it ended."""
    add_change(delta, request, event)
    if delta.get_reviewable_request(request.request_id) is not None:
        delta.remove(reviewable_request_key(request.request_id))
