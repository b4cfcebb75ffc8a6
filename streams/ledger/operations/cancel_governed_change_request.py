"""CancelGovernedChangeRequest: the requestor takes a governed change back."""

from schemas.generated.common import AccountID, Action
from schemas.generated.ledger import RequestEvent
from schemas.generated.operations import (
    CancelGovernedChangeRequest,
    CancelGovernedChangeRequestCode,
    CancelGovernedChangeRequestResult,
)
from schemas.generated.requests import GovernedChangeRequest
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_request
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_result_bytes
from streams.ledger.requests.pending import find_own_request, release_request
from streams.ledger.requests.table import compute_request_change_bytes, get_kind
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_request_change_bytes(GovernedChangeRequest)
    + EFFECT_BYTES
    + compute_result_bytes(CancelGovernedChangeRequestResult)
)


def validate(op: CancelGovernedChangeRequest) -> CancelGovernedChangeRequestCode | None:  # noqa: ARG001 - a common form
    """Nothing can be wrong whatever the ledger says."""
    return None


def get_requirements(
    op: CancelGovernedChangeRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Cancelling requests of the kind."""
    request = state.get_reviewable_request(op.request_id)
    return None if request is None else (require_request(Action.CANCEL, get_kind(request).name),)


def apply(
    op: CancelGovernedChangeRequest,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Ends the request without effect, also one that awaits its execution."""
    request = find_own_request(delta, op.request_id, source, GovernedChangeRequest)
    if request is None:
        return refused(CancelGovernedChangeRequestCode.REQUEST_NOT_FOUND)
    release_request(delta, request, RequestEvent.CANCELLED)
    return succeeded(CancelGovernedChangeRequestResult())


def compute_output_bytes(op: CancelGovernedChangeRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
