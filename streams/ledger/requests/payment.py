"""A request to pay. It locks nothing: the payment is made when it is fulfilled, or refused."""

from schemas.generated.entries import ReviewableRequest
from schemas.generated.operations import Payment, PaymentCode, PaymentResult
from schemas.generated.requests import PaymentRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.balances import get_balance_asset
from streams.ledger.context import TransactionContext
from streams.ledger.operations import payment
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta, LedgerState

IS_EDITABLE = False
OUTPUT_BYTES = payment.OUTPUT_BYTES + payment.COMMISSION_BYTES


def get_asset(body: PaymentRequest, state: LedgerState) -> str | None:
    return get_balance_asset(state, body.source_balance)


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


def _make_payment(request: ReviewableRequest) -> Payment:
    """Its reference was used when the request was made."""
    body = get_body(request, PaymentRequest)
    return Payment(
        body.source_balance, body.destination, body.amount, body.fee_data, body.subject, None
    )


def _get_code(code: PaymentCode | None) -> FulfilmentCode | None:
    if code is None:
        return None
    if code is PaymentCode.LINE_FULL:
        return FulfilmentCode.RECEIVER_FULL_LINE
    return FulfilmentCode[code.name]
