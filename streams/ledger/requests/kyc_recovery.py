"""A request for new signers of an account whose keys are lost. An account has at most one."""

from schemas.generated.common import AccountRequestKind
from schemas.generated.entries import AccountKyc, AccountReservation, ReviewableRequest
from schemas.generated.keys import account_reservation_key
from schemas.generated.requests import KycRecoveryRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.context import TransactionContext
from streams.ledger.output import compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.signers import (
    REPLACEMENT_BYTES,
    compute_signer_bytes,
    have_roles,
    replace_signers,
)
from streams.ledger.state import LedgerDelta

IS_EDITABLE = True
KIND = AccountRequestKind.KYC_RECOVERY
OUTPUT_BYTES = (
    compute_change_bytes(AccountReservation) + compute_change_bytes(AccountKyc) + REPLACEMENT_BYTES
)


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Takes the account's one place."""
    del context
    account_id = get_body(request, KycRecoveryRequest).account_id
    if delta.get_account_reservation(KIND, account_id) is not None:
        return FulfilmentCode.REQUEST_ALREADY_EXISTS
    delta.put(AccountReservation(KIND, account_id, request.request_id))
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Replaces the account's signers, and keeps what was shown."""
    body = get_body(request, KycRecoveryRequest)
    if not have_roles(delta, body.signers):
        return FulfilmentCode.NO_SUCH_SIGNER_ROLE
    release(delta, request)
    replace_signers(delta, body.account_id, body.signers)
    if body.kyc is not None:
        closed_at_ms = context.ledger.close_time_ms
        delta.put(AccountKyc(body.account_id, body.kyc, request.request_id, closed_at_ms))
    return None


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    """Frees the place."""
    delta.remove(account_reservation_key(KIND, get_body(request, KycRecoveryRequest).account_id))


def compute_output_bytes(body: KycRecoveryRequest) -> int:
    return OUTPUT_BYTES + compute_signer_bytes(body.signers)
