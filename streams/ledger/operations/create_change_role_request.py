"""CreateChangeRoleRequest: another role for an account, which is how KYC is decided."""

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    CreateChangeRoleRequest,
    CreateChangeRoleRequestCode,
    CreateChangeRoleRequestResult,
)
from schemas.generated.requests import ChangeRoleRequest
from schemas.generated.transactions import OperationResult
from schemas.tasks import SYSTEM_TASKS
from streams.ledger.access.requirements import (
    Requirements,
    require_new_request,
    require_request,
)
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import change_role
from streams.ledger.requests.pending import edit_request, find_rejected, get_tasks, open_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(ChangeRoleRequest)
    + change_role.OUTPUT_BYTES
    + 4 * EFFECT_BYTES
    + compute_result_bytes(CreateChangeRoleRequestResult)
)


def validate(op: CreateChangeRoleRequest) -> CreateChangeRoleRequestCode | None:
    """Checks that hold whatever the ledger says."""
    if op.all_tasks is not None and op.all_tasks & SYSTEM_TASKS:
        return CreateChangeRoleRequestCode.SYSTEM_TASKS_NOT_ALLOWED
    if op.all_tasks is not None and op.request_id != 0:
        return CreateChangeRoleRequestCode.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE
    return None


def get_requirements(
    op: CreateChangeRoleRequest,
    source: AccountID,
    state: LedgerState,  # noqa: ARG001 - every operation has this form
) -> Requirements | None:
    """Asking for oneself or for another, and naming the tasks."""
    if op.destination == source:
        return (require_new_request("change_role", None, None, op.all_tasks),)
    for_other = require_request(Action.CREATE_FOR_OTHER, "change_role")
    if op.all_tasks is None:
        return (for_other,)
    return (for_other, require_new_request("change_role", None, None, op.all_tasks))


def apply(
    op: CreateChangeRoleRequest, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Changes the role at once when its tasks are 0, otherwise asks for it (TokenD 1.2)."""
    account = delta.get_account(op.destination)
    if account is None:
        return refused(CreateChangeRoleRequestCode.DESTINATION_NOT_FOUND)
    if op.destination == context.ledger.settings.master_account:
        return refused(CreateChangeRoleRequestCode.MASTER_NOT_ALLOWED)
    if delta.get_account_role(op.role_id) is None:
        return refused(CreateChangeRoleRequestCode.NO_SUCH_ROLE)
    body = ChangeRoleRequest(op.destination, op.role_id, op.kyc)
    if op.request_id != 0:
        return _edit(op, source, delta, context, body)
    tasks = get_tasks(delta, op.all_tasks, *_get_keys(account.role_id, op.role_id))
    if tasks is None:
        return refused(CreateChangeRoleRequestCode.CHANGE_ROLE_TASKS_NOT_FOUND)
    opened = open_request(delta, context, source, body, tasks)
    if opened.refusal is not None:
        return refused(CreateChangeRoleRequestCode[opened.refusal.name])
    if op.destination != source:
        add_participant(delta, op.destination)
    return succeeded(CreateChangeRoleRequestResult(opened.request_id, opened.fulfilled))


def compute_output_bytes(op: CreateChangeRoleRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def _get_keys(old_role_id: int, new_role_id: int) -> tuple[str, ...]:
    """From the narrowest to the widest."""
    pairs = ((old_role_id, new_role_id), ("*", new_role_id), (old_role_id, "*"), ("*", "*"))
    return tuple(f"change_role_tasks:{old}:{new}" for old, new in pairs)


def _edit(
    op: CreateChangeRoleRequest,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
    body: ChangeRoleRequest,
) -> OperationResult:
    request = find_rejected(
        delta, op.request_id, source, ChangeRoleRequest, CreateChangeRoleRequestCode
    )
    if isinstance(request, CreateChangeRoleRequestCode):
        return refused(request)
    if request.body.destination != op.destination:
        return refused(CreateChangeRoleRequestCode.DESTINATION_MISMATCHED)
    refusal = edit_request(delta, context, request, body)
    if refusal is not None:
        return refused(CreateChangeRoleRequestCode[refusal.name])
    return succeeded(CreateChangeRoleRequestResult(op.request_id, fulfilled=False))
