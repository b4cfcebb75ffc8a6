"""A request for other limits of the requestor's own. It holds nothing while it stands."""

from schemas.generated.common import AccountID
from schemas.generated.entries import Limits, ReviewableRequest
from schemas.generated.operations import ManageLimitsCode
from schemas.generated.requests import LimitsUpdateRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.context import TransactionContext
from streams.ledger.operations.manage_limits import apply_limits, compute_limits_with
from streams.ledger.output import compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

IS_EDITABLE = True
OUTPUT_BYTES = compute_change_bytes(Limits)


def get_asset(body: LimitsUpdateRequest, state: LedgerState) -> None:
    del body, state


def compute_system_tasks(
    body: LimitsUpdateRequest, requestor: AccountID, state: LedgerState, context: TransactionContext
) -> int:
    del body, requestor, state, context
    return 0


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    del delta, request, context
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Each limit takes the place of the account's own one of the same name."""
    del context
    entry = delta.get_limits(request.requestor, None)
    limits = () if entry is None else entry.limits
    for limit in _get_body(request).limits:
        changed = compute_limits_with(limits, limit)
        if isinstance(changed, ManageLimitsCode):
            return FulfilmentCode[changed.name]
        limits = changed
    apply_limits(delta, Limits(request.requestor, None, limits))
    return None


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    del delta, request


def compute_output_bytes(body: LimitsUpdateRequest) -> int:
    del body
    return OUTPUT_BYTES


def _get_body(request: ReviewableRequest) -> LimitsUpdateRequest:
    if not isinstance(request.body, LimitsUpdateRequest):
        raise TypeError(f"the request {request.request_id} is of another kind")
    return request.body
