"""Requests for withdrawals while a transfer is to pay them: nobody reviews them, and they end paid
or wait for a decision again (`schemas.tasks.WITHDRAWAL_STEPS`)."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from schemas.generated.common import U64
from schemas.generated.entries import CommittedRequest, ReviewableRequest
from schemas.generated.keys import committed_request_key, reviewable_request_key
from schemas.generated.ledger import RequestEvent
from schemas.generated.requests import WithdrawalRequest
from schemas.tasks import TRANSFER_TASKS, Task
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.output import BRANCH_BYTES, EFFECT_BYTES, compute_change_bytes
from streams.ledger.requests import withdrawal
from streams.ledger.requests.pending import add_change, end_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

COMMITTING_BYTES = (
    compute_request_change_bytes(WithdrawalRequest)
    + compute_change_bytes(CommittedRequest, is_new=True)
    + EFFECT_BYTES
)
# Keys, options, and what a change of tasks adds to the entry's length.
AROUND_BYTES = 32


def commit_requests(
    delta: LedgerDelta, transfer_id: U64, requests: Sequence[ReviewableRequest]
) -> None:
    """The decision is made. The caller has checked that they are ready."""
    for request in requests:
        delta.put(CommittedRequest(request.request_id, transfer_id))
        _set_tasks(delta, request, request.pending_tasks & ~Task.DECIDE)


def sign_requests(delta: LedgerDelta, request_ids: Sequence[U64]) -> None:
    """Signed is done, also where an earlier version was confirmed."""
    for request in _get_requests(delta, request_ids):
        if request.pending_tasks & Task.SIGN:
            _set_tasks(delta, request, request.pending_tasks & ~Task.SIGN)


def mark_unknown(delta: LedgerDelta, request_ids: Sequence[U64]) -> None:
    """Tells the requestors that nobody knows yet."""
    for request in _get_requests(delta, request_ids):
        add_change(delta, request, RequestEvent.UNKNOWN)


def pay_requests(
    delta: LedgerDelta, request_ids: Sequence[U64], context: TransactionContext
) -> None:
    """They arrived, whatever was halted or blocked meanwhile."""
    for request in _get_requests(delta, request_ids):
        delta.remove(committed_request_key(request.request_id))
        withdrawal.pay_out(delta, request, context)
        end_request(delta, replace(request, pending_tasks=0), RequestEvent.FULFILLED)


def give_back_requests(delta: LedgerDelta, request_ids: Sequence[U64]) -> None:
    """They wait for a decision again: another transfer, or a rejection."""
    for request in _get_requests(delta, request_ids):
        delta.remove(committed_request_key(request.request_id))
        _set_tasks(delta, request, request.pending_tasks | TRANSFER_TASKS)


def compute_committed_bytes(state: LedgerState, request_ids: Sequence[U64]) -> int:
    """The most bytes of changes of these, which grow no more; each with an effect."""
    return sum(
        2 * (BRANCH_BYTES + len(state.encoded.get(reviewable_request_key(each), b"")))
        + AROUND_BYTES
        + EFFECT_BYTES
        for each in request_ids
    )


def _set_tasks(delta: LedgerDelta, request: ReviewableRequest, pending: int) -> None:
    request = replace(request, pending_tasks=int(pending))
    delta.put(request)
    add_change(delta, request, RequestEvent.TASKS_CHANGED)


def _get_requests(state: LedgerState, request_ids: Sequence[U64]) -> Iterator[ReviewableRequest]:
    for each in request_ids:
        request = state.get_reviewable_request(each)
        if request is None:
            raise InvariantViolation(f"the committed request {each} is gone")
        yield request
