"""CreateKycRecoveryRequest: who has lost an account's keys asks for new ones."""

from schemas.generated.common import AccountID
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    CreateKycRecoveryRequest,
    CreateKycRecoveryRequestCode,
    CreateKycRecoveryRequestResult,
)
from schemas.generated.requests import KycRecoveryRequest
from schemas.generated.transactions import OperationResult
from schemas.tasks import SYSTEM_TASKS
from streams.ledger.access.requirements import Requirements, require_new_request
from streams.ledger.context import TransactionContext
from streams.ledger.operations.initiate_kyc_recovery import is_recovery_enabled
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import kyc_recovery
from streams.ledger.requests.pending import edit_request, find_rejected, get_tasks, open_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.signers import compute_signer_bytes, have_roles, validate_signers
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(KycRecoveryRequest)
    + kyc_recovery.OUTPUT_BYTES
    + 3 * EFFECT_BYTES
    + compute_result_bytes(CreateKycRecoveryRequestResult)
)


def validate(op: CreateKycRecoveryRequest) -> CreateKycRecoveryRequestCode | None:
    """Checks that hold whatever the ledger says."""
    code: CreateKycRecoveryRequestCode | None = validate_signers(
        op.signers, CreateKycRecoveryRequestCode
    )
    if code is not None:
        return code
    if op.all_tasks is not None and op.all_tasks & SYSTEM_TASKS:
        return CreateKycRecoveryRequestCode.SYSTEM_TASKS_NOT_ALLOWED
    if op.all_tasks is not None and op.request_id != 0:
        return CreateKycRecoveryRequestCode.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE
    return None


def get_requirements(
    op: CreateKycRecoveryRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Asking for new signers, and naming the tasks."""
    return (require_new_request("kyc_recovery", None, None, op.all_tasks),)


def apply(
    op: CreateKycRecoveryRequest, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Replaces the signers at once when its tasks are 0, otherwise asks for it (TokenD 1.2)."""
    if not is_recovery_enabled(delta):
        return refused(CreateKycRecoveryRequestCode.RECOVERY_NOT_ALLOWED)
    if source == context.ledger.settings.master_account:
        return refused(CreateKycRecoveryRequestCode.MASTER_NOT_ALLOWED)
    if not have_roles(delta, op.signers):
        return refused(CreateKycRecoveryRequestCode.NO_SUCH_SIGNER_ROLE)
    body = KycRecoveryRequest(source, op.signers, op.kyc)
    if op.request_id != 0:
        request = find_rejected(
            delta, op.request_id, source, KycRecoveryRequest, CreateKycRecoveryRequestCode
        )
        if isinstance(request, CreateKycRecoveryRequestCode):
            return refused(request)
        refusal = edit_request(delta, context, request, body)
        if refusal is not None:
            return refused(CreateKycRecoveryRequestCode[refusal.name])
        return succeeded(CreateKycRecoveryRequestResult(op.request_id, fulfilled=False))
    tasks = get_tasks(delta, op.all_tasks, "create_kyc_recovery_tasks")
    if tasks is None:
        return refused(CreateKycRecoveryRequestCode.KYC_RECOVERY_TASKS_NOT_FOUND)
    opened = open_request(delta, context, source, body, tasks)
    if opened.refusal is not None:
        return refused(CreateKycRecoveryRequestCode[opened.refusal.name])
    return succeeded(CreateKycRecoveryRequestResult(opened.request_id, opened.fulfilled))


def compute_output_bytes(op: CreateKycRecoveryRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + 2 * compute_signer_bytes(op.signers)
