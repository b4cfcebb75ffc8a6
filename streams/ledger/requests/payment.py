"""A request to pay. It locks nothing: the payment is made when it is fulfilled, or refused."""

from schemas.generated.common import AccountID
from schemas.generated.entries import ReviewableRequest
from schemas.generated.operations import Payment, PaymentCode, PaymentResult
from schemas.generated.requests import PaymentRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.context import TransactionContext
from streams.ledger.operations import payment
from streams.ledger.state import LedgerDelta, LedgerState

IS_EDITABLE = False
OUTPUT_BYTES = payment.OUTPUT_BYTES + payment.COMMISSION_BYTES


def get_asset(body: PaymentRequest, state: LedgerState) -> str | None:
    balance = state.get_balance(body.source_balance)
    return None if balance is None else balance.asset


def compute_system_tasks(
    body: PaymentRequest, requestor: AccountID, state: LedgerState, context: TransactionContext
) -> int:
    del body, requestor, state, context
    return 0


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Nothing; but what can never be paid is not accepted."""
    del context
    return _get_code(payment.compute_destination_refusal(_make_payment(request), delta))


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Pays, as the operation would now."""
    result = payment.apply(_make_payment(request), request.requestor, delta, context)
    if isinstance(result.outcome, PaymentResult):
        return None
    return _get_code(PaymentCode(result.outcome))


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    del delta, request


def compute_output_bytes(body: PaymentRequest) -> int:
    del body
    return OUTPUT_BYTES


def _make_payment(request: ReviewableRequest) -> Payment:
    """Its reference was used when the request was made."""
    body = _get_body(request)
    return Payment(
        body.source_balance, body.destination, body.amount, body.fee_data, body.subject, None
    )


def _get_code(code: PaymentCode | None) -> FulfilmentCode | None:
    if code is None:
        return None
    if code is PaymentCode.LINE_FULL:
        return FulfilmentCode.RECEIVER_FULL_LINE
    return FulfilmentCode[code.name]


def _get_body(request: ReviewableRequest) -> PaymentRequest:
    if not isinstance(request.body, PaymentRequest):
        raise TypeError(f"the request {request.request_id} is of another kind")
    return request.body
