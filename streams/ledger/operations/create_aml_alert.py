"""CreateAmlAlert: locking what is under suspicion until somebody decides."""

from schemas.contract import ReferenceKind
from schemas.generated.bounds import CREATE_AML_ALERT_CREATOR_DETAILS_LENGTH_MAX
from schemas.generated.common import AccountID, Action
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    CreateAmlAlert,
    CreateAmlAlertCode,
    CreateAmlAlertResult,
)
from schemas.generated.requests import AmlAlertRequest
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import (
    Requirements,
    require_new_request,
    require_request,
)
from streams.ledger.assets import find_asset_of_balance
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import compute_reference_refusal, refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import aml_alert
from streams.ledger.requests.pending import get_tasks, open_request, validate_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

REFERENCE_KIND = ReferenceKind.PAYMENT
OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(AmlAlertRequest, is_new=True)
    - CREATE_AML_ALERT_CREATOR_DETAILS_LENGTH_MAX
    + aml_alert.OUTPUT_BYTES
    + 2 * EFFECT_BYTES
    + compute_result_bytes(CreateAmlAlertResult)
)


def validate(op: CreateAmlAlert) -> CreateAmlAlertCode | None:
    """Checks that hold whatever the ledger says."""
    code: CreateAmlAlertCode | None = validate_request(op, CreateAmlAlertCode)
    return code


def get_requirements(
    op: CreateAmlAlert,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Raising alerts about the asset, which locks what is others'."""
    asset = find_asset_of_balance(state, op.balance_id)
    if asset is None:
        return None
    about = ("aml_alert", asset.code, asset.asset_type)
    raising = require_request(Action.CREATE_FOR_OTHER, *about)
    if op.all_tasks is None:
        return (raising,)
    return (raising, require_new_request(*about, op.all_tasks))


def apply(
    op: CreateAmlAlert, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Locks the amount; burns it at once when no task is left (TokenD 1.2)."""
    refusal = compute_reference_refusal(
        CreateAmlAlertCode, REFERENCE_KIND, source, op.reference, delta, context
    )
    if refusal is not None:
        return refusal
    tasks = get_tasks(delta, op.all_tasks, "aml_alert_create")
    if tasks is None:
        return refused(CreateAmlAlertCode.AML_ALERT_TASKS_NOT_FOUND)
    # The reference stays used whatever becomes of the request.
    delta.use_reference(REFERENCE_KIND, source, op.reference, context.ledger.sequence)
    body = AmlAlertRequest(op.balance_id, op.amount, op.creator_details)
    opened = open_request(delta, context, source, body, tasks, op.reference)
    if opened.refusal is not None:
        return refused(CreateAmlAlertCode[opened.refusal.name])
    return succeeded(CreateAmlAlertResult(opened.request_id, opened.fulfilled))


def compute_output_bytes(op: CreateAmlAlert, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.creator_details)
