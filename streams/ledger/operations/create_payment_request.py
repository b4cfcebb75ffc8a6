"""CreatePaymentRequest: asking for a payment that somebody has to approve."""

from schemas.contract import ReferenceKind
from schemas.generated.bounds import CREATE_PAYMENT_REQUEST_CREATOR_DETAILS_LENGTH_MAX
from schemas.generated.common import AccountID
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    CreatePaymentRequest,
    CreatePaymentRequestCode,
    CreatePaymentRequestResult,
)
from schemas.generated.requests import PaymentRequest
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_new_request
from streams.ledger.assets import find_asset_of_balance
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.operations.outcome import compute_reference_refusal, refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import payment
from streams.ledger.requests.pending import get_tasks, open_request, validate_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

REFERENCE_KIND = ReferenceKind.PAYMENT
OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(PaymentRequest, is_new=True)
    - CREATE_PAYMENT_REQUEST_CREATOR_DETAILS_LENGTH_MAX
    + payment.OUTPUT_BYTES
    + 2 * EFFECT_BYTES
    + compute_result_bytes(CreatePaymentRequestResult)
)


def validate(op: CreatePaymentRequest) -> CreatePaymentRequestCode | None:
    """Checks that hold whatever the ledger says."""
    code: CreatePaymentRequestCode | None = validate_request(op, CreatePaymentRequestCode)
    return code


def get_requirements(
    op: CreatePaymentRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Asking for payments of the asset. The right to send it is another one: a role may be allowed
    to pay only what is approved."""
    asset = find_asset_of_balance(state, op.source_balance)
    if asset is None:
        return None
    return (require_new_request("payment", asset.code, asset.asset_type, op.all_tasks),)


def apply(
    op: CreatePaymentRequest, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Pays at once when no task is left, otherwise keeps a request (TokenD 1.2)."""
    balance = delta.get_balance(op.source_balance)
    if balance is None:
        raise InvariantViolation(f"the balance {op.source_balance.hex()} is gone")
    if balance.account_id != source:
        return refused(CreatePaymentRequestCode.NOT_AUTHORIZED)
    if op.reference is not None:
        refusal = compute_reference_refusal(
            CreatePaymentRequestCode, REFERENCE_KIND, source, op.reference, delta, context
        )
        if refusal is not None:
            return refusal
    keys = (f"payment_tasks:{balance.asset}", "payment_tasks:*")
    tasks = get_tasks(delta, op.all_tasks, *keys)
    if tasks is None:
        return refused(CreatePaymentRequestCode.PAYMENT_TASKS_NOT_FOUND)
    if op.reference is not None:
        # The reference stays used whatever becomes of the request.
        delta.use_reference(REFERENCE_KIND, source, op.reference, context.ledger.sequence)
    body = PaymentRequest(
        op.source_balance, op.destination, op.amount, op.fee_data, op.subject, op.creator_details
    )
    opened = open_request(delta, context, source, body, tasks, op.reference)
    if opened.detail is not None:
        return refused(CreatePaymentRequestCode.FULFILMENT_REFUSED, opened.detail)
    return succeeded(CreatePaymentRequestResult(opened.request_id, opened.fulfilled))


def compute_output_bytes(op: CreatePaymentRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.creator_details)
