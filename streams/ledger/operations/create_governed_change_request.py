"""CreateGovernedChangeRequest: an operation that people have to agree on before it is applied."""

from schemas.generated.common import AccountID
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    CreateGovernedChangeRequest,
    CreateGovernedChangeRequestCode,
    CreateGovernedChangeRequestResult,
)
from schemas.generated.requests import GovernedChangeRequest
from schemas.generated.transactions import OperationResult
from schemas.tasks import SYSTEM_TASKS
from streams.ledger.access.requirements import Requirements, require_new_request
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests.governed_change import (
    KIND,
    get_changed_asset,
    get_module,
)
from streams.ledger.requests.pending import get_tasks, open_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(GovernedChangeRequest, is_new=True)
    + 2 * EFFECT_BYTES
    + compute_result_bytes(CreateGovernedChangeRequestResult)
)


def validate(op: CreateGovernedChangeRequest) -> CreateGovernedChangeRequestCode | None:
    """Checks that hold whatever the ledger says. Those of the change come when it is held."""
    if op.all_tasks is not None and op.all_tasks & SYSTEM_TASKS:
        return CreateGovernedChangeRequestCode.SYSTEM_TASKS_NOT_ALLOWED
    return None


def get_requirements(
    op: CreateGovernedChangeRequest, source: AccountID, state: LedgerState
) -> Requirements | None:
    """Asking for a governed change, and what the change itself requires."""
    code = get_changed_asset(op.change)
    asset = None if code is None else state.get_asset(code)
    asset_type = None if asset is None else asset.asset_type
    requirements: Requirements | None = get_module(op.change).get_requirements(
        op.change, source, state
    )
    if requirements is None:
        return None
    return (require_new_request(KIND, code, asset_type, op.all_tasks), *requirements)


def apply(
    op: CreateGovernedChangeRequest,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Applies the change at once when neither a task nor a policy holds it back."""
    tasks = get_tasks(delta, op.all_tasks, "governed_change_tasks")
    if tasks is None:
        return refused(CreateGovernedChangeRequestCode.GOVERNED_CHANGE_TASKS_NOT_FOUND)
    opened = open_request(delta, context, source, GovernedChangeRequest(op.change), tasks)
    if opened.detail is not None:
        return refused(CreateGovernedChangeRequestCode.CHANGE_REFUSED, opened.detail)
    return succeeded(CreateGovernedChangeRequestResult(opened.request_id, opened.fulfilled))


def compute_output_bytes(op: CreateGovernedChangeRequest, state: LedgerState | None) -> int:
    """The most bytes it can add to a ledger's body beside the envelope."""
    size: int = get_module(op.change).compute_output_bytes(op.change, state)
    return OUTPUT_BYTES + size
