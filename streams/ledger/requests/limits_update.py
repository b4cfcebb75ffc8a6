"""A request for other limits of the requestor's own. It holds nothing while it stands."""

from schemas.generated.entries import Limits, ReviewableRequest
from schemas.generated.operations import ManageLimitsCode
from schemas.generated.requests import LimitsUpdateRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.context import TransactionContext
from streams.ledger.operations.manage_limits import apply_limits, compute_limits_with
from streams.ledger.output import compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta

IS_EDITABLE = True
OUTPUT_BYTES = compute_change_bytes(Limits)


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Each limit takes the place of the account's own one of the same name."""
    del context
    entry = delta.get_limits(request.requestor, None)
    limits = () if entry is None else entry.limits
    for limit in get_body(request, LimitsUpdateRequest).limits:
        changed = compute_limits_with(limits, limit)
        if isinstance(changed, ManageLimitsCode):
            return FulfilmentCode[changed.name]
        limits = changed
    apply_limits(delta, Limits(request.requestor, None, limits))
    return None
