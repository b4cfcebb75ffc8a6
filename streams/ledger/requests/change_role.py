"""A request for another role of an account. An account has at most one."""

from msgspec.structs import replace

from schemas.generated.common import AccessKind, AccountRequestKind
from schemas.generated.entries import Account, AccountKyc, AccountReservation, ReviewableRequest
from schemas.generated.keys import account_reservation_key
from schemas.generated.ledger import EffectKind, RoleChange
from schemas.generated.requests import ChangeRoleRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.access.registry import USE_BYTES, count_uses
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta

IS_EDITABLE = True
KIND = AccountRequestKind.CHANGE_ROLE
OUTPUT_BYTES = (
    compute_change_bytes(AccountReservation)
    + compute_change_bytes(Account)
    + compute_change_bytes(AccountKyc)
    + 2 * USE_BYTES
    + EFFECT_BYTES
)


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Takes the account's one place."""
    del context
    destination = get_body(request, ChangeRoleRequest).destination
    if delta.get_account_reservation(KIND, destination) is not None:
        return FulfilmentCode.REQUEST_ALREADY_EXISTS
    delta.put(AccountReservation(KIND, destination, request.request_id))
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Gives the account the role, and keeps what was shown."""
    body = get_body(request, ChangeRoleRequest)
    account = delta.get_account(body.destination)
    if account is None:
        raise InvariantViolation(f"the account {body.destination.hex()} is gone")
    if delta.get_account_role(body.role_id) is None:
        return FulfilmentCode.NO_SUCH_ROLE
    release(delta, request)
    delta.put(replace(account, role_id=body.role_id))
    count_uses(delta, AccessKind.ACCOUNT_ROLE, (account.role_id,), -1)
    count_uses(delta, AccessKind.ACCOUNT_ROLE, (body.role_id,), 1)
    if body.kyc is not None:
        closed_at_ms = context.ledger.close_time_ms
        delta.put(AccountKyc(account.account_id, body.kyc, request.request_id, closed_at_ms))
    detail = RoleChange(account.role_id, body.role_id)
    delta.add_effect(account.account_id, EffectKind.ROLE_CHANGED, detail)
    return None


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    """Frees the place."""
    delta.remove(account_reservation_key(KIND, get_body(request, ChangeRoleRequest).destination))
