"""InitiateKycRecovery: the first step for who has lost the keys of an account."""

from schemas.generated.common import AccountID, AccountRequestKind, Action, SignerData
from schemas.generated.entries import AccountReservation, ReviewableRequest
from schemas.generated.ledger import RequestEvent
from schemas.generated.operations import (
    InitiateKycRecovery,
    InitiateKycRecoveryCode,
    InitiateKycRecoveryResult,
    U32Value,
    U64Value,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_account
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.key_values import get_number
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests.pending import release_request
from streams.ledger.signers import REPLACEMENT_BYTES, compute_signer_bytes, replace_signers
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import SIGNATURE_THRESHOLD

OUTPUT_BYTES = (
    REPLACEMENT_BYTES
    + compute_change_bytes(AccountReservation)
    + compute_change_bytes(ReviewableRequest)
    + 3 * EFFECT_BYTES
    + compute_result_bytes(InitiateKycRecoveryResult)
)


def validate(op: InitiateKycRecovery) -> InitiateKycRecoveryCode | None:  # noqa: ARG001 - a common form
    """Nothing can be wrong whatever the ledger says."""
    return None


def get_requirements(
    op: InitiateKycRecovery,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Recovering accounts of the role."""
    account = state.get_account(op.account_id)
    return None if account is None else (require_account(Action.RECOVER, account.role_id),)


def apply(
    op: InitiateKycRecovery, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Leaves the account one signer that may only ask for others; a request for others that was
    pending ends (TokenD 1.2)."""
    if not is_recovery_enabled(delta):
        return refused(InitiateKycRecoveryCode.RECOVERY_NOT_ALLOWED)
    role_id = get_number(delta, "kyc_recovery_signer_role", U64Value)
    if role_id is None or delta.get_signer_role(role_id) is None:
        return refused(InitiateKycRecoveryCode.RECOVERY_SIGNER_ROLE_NOT_FOUND)
    if op.account_id == context.ledger.settings.master_account:
        return refused(InitiateKycRecoveryCode.MASTER_NOT_ALLOWED)
    place = delta.get_account_reservation(AccountRequestKind.KYC_RECOVERY, op.account_id)
    request = None if place is None else delta.get_reviewable_request(place.request_id)
    if request is not None:
        release_request(delta, request, RequestEvent.CANCELLED)
    signer = SignerData(op.public_key, role_id, SIGNATURE_THRESHOLD, 0, b"")
    replace_signers(delta, op.account_id, (signer,))
    add_participant(delta, source)
    return succeeded(InitiateKycRecoveryResult())


def is_recovery_enabled(state: LedgerState) -> bool:
    """Whether the network's configuration allows recoveries."""
    return bool(get_number(state, "kyc_recovery_enabled", U32Value))


def compute_output_bytes(op: InitiateKycRecovery, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    signer = SignerData(op.public_key, 0, SIGNATURE_THRESHOLD, 0, b"")
    return OUTPUT_BYTES + compute_signer_bytes((signer,))
