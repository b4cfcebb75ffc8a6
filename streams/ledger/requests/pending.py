"""The one path of reviewable requests: created, edited, fulfilled, ended (TokenD 2.2).

A request whose tasks are 0 is created and fulfilled like one that was reviewed; it just never
stands in the state. What a kind does is in its module (see `table`).
"""

from typing import Any, NamedTuple

from msgspec.structs import replace

from schemas.codec import encode
from schemas.generated.common import AccountID, Hash, Reference
from schemas.generated.entries import RequestContent, ReviewableRequest
from schemas.generated.keys import reviewable_request_key
from schemas.generated.ledger import EffectKind, ParticipantEffect, RequestChange, RequestEvent
from schemas.generated.operations import U32Value
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.context import TransactionContext
from streams.ledger.hashes import compute_hash
from streams.ledger.requests.table import REQUESTS, get_kind
from streams.ledger.state import LedgerDelta, LedgerState


class Opened(NamedTuple):
    """What came of a new request. With a `refusal` the operation must be refused."""

    request_id: int
    fulfilled: bool
    refusal: FulfilmentCode | None


def get_tasks(state: LedgerState, given: int | None, *keys: str) -> int | None:
    """The tasks given, or those of the first of `keys` that is set; None: the feature is closed."""
    if given is not None:
        return given
    for key in keys:
        entry = state.get_key_value(key)
        if entry is not None and isinstance(entry.value, U32Value):
            return entry.value.value
    return None


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
        all_tasks=tasks,
        pending_tasks=tasks,
        external_details=(),
        body=body,
    )
    add_change(delta, request, RequestEvent.CREATED)
    refusal = kind.hold(delta, request, context)
    if refusal is None:
        refusal = proceed(delta, request, context)
    return Opened(request_id, tasks == 0, refusal)


def find_rejected(
    state: LedgerState, request_id: int, source: AccountID, body: type, codes: Any
) -> Any:
    """The rejected request that `source` may edit, or why it may not. `codes`: the operation's
    enum; `body`: the kind's record."""
    request = state.get_reviewable_request(request_id)
    if request is None or request.requestor != source or type(request.body) is not body:
        return codes.REQUEST_NOT_FOUND
    return request if request.reject_reason else codes.REQUEST_IS_PENDING


def edit_request(
    delta: LedgerDelta, context: TransactionContext, request: ReviewableRequest, body: Any
) -> FulfilmentCode | None:
    """Replaces the body of a rejected request, which awaits its reviewer again with all tasks."""
    kind = get_kind(request)
    kind.release(delta, request)
    sequence_number = request.sequence_number + 1
    system_tasks = kind.compute_system_tasks(body, request.requestor, delta, context)
    tasks = request.all_tasks | system_tasks
    edited = replace(
        request,
        sequence_number=sequence_number,
        request_hash=compute_request_hash(request.request_id, sequence_number, body),
        reject_reason="",
        all_tasks=tasks,
        pending_tasks=tasks,
        body=body,
    )
    add_change(delta, edited, RequestEvent.EDITED)
    refusal = kind.hold(delta, edited, context)
    return refusal or proceed(delta, edited, context)


def proceed(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Keeps the request while a task is pending, and fulfils it once none is."""
    if request.pending_tasks:
        delta.put(request)
        return None
    refusal = get_kind(request).fulfil(delta, request, context)
    if refusal is None:
        _end(delta, request, RequestEvent.FULFILLED)
    return refusal


def release_request(delta: LedgerDelta, request: ReviewableRequest, event: RequestEvent) -> None:
    """Ends it without effect. A reference that it used stays used."""
    get_kind(request).release(delta, request)
    _end(delta, request, event)


def add_change(delta: LedgerDelta, request: ReviewableRequest, event: RequestEvent) -> None:
    """Tells the requestor's history what happened to the request."""
    detail = RequestChange(request.request_id, get_kind(request).name, event, request.pending_tasks)
    delta.effects.append(
        ParticipantEffect(
            delta.operation_index, request.requestor, EffectKind.REQUEST_CHANGED, detail
        )
    )


def _end(delta: LedgerDelta, request: ReviewableRequest, event: RequestEvent) -> None:
    add_change(delta, request, event)
    if delta.get_reviewable_request(request.request_id) is not None:
        delta.remove(reviewable_request_key(request.request_id))
