"""CreateAccount: a new account, controlled by its signers alone."""

from collections.abc import Iterable

from schemas.generated.common import AccountID, SignerData
from schemas.generated.ledger import Account, Counters, Signer
from schemas.generated.operations import CreateAccount, CreateAccountCode, CreateAccountResult
from schemas.generated.transactions import OperationResult
from streams.ledger.balances import add_participant, apply_new_balance
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.state import LedgerDelta
from streams.ledger.values import SIGNATURE_THRESHOLD, is_details

ACCOUNT_OUTPUT_BYTES = 64 * 260 + 800  # every base asset's balance; account, counters, result
SIGNER_OUTPUT_BYTES = 250


def validate(op: CreateAccount) -> CreateAccountCode | None:
    """Checks that hold whatever the ledger says."""
    if op.destination in (bytes(32), op.referrer):
        return CreateAccountCode.INVALID_DESTINATION
    if not op.signers:
        return CreateAccountCode.NO_SIGNER_DATA
    if len({signer.public_key for signer in op.signers}) != len(op.signers):
        return CreateAccountCode.SIGNER_DUPLICATION
    if not all(is_details(signer.details) for signer in op.signers):
        return CreateAccountCode.INVALID_SIGNER_DATA
    if not _have_enough_weight(op.signers):
        return CreateAccountCode.INVALID_WEIGHT
    return None


def apply(
    op: CreateAccount, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Creates the account, its signers and a balance of every base asset (TokenD 1.2)."""
    if delta.get_account(op.destination) is not None:
        return refused(CreateAccountCode.ALREADY_EXISTS)
    if op.referrer is not None and delta.get_account(op.referrer) is None:
        return refused(CreateAccountCode.REFERRER_NOT_FOUND)
    if delta.get_account_role(op.role_id) is None:
        return refused(CreateAccountCode.NO_SUCH_ROLE)
    if any(delta.get_signer_role(signer.role_id) is None for signer in op.signers):
        return refused(CreateAccountCode.NO_SUCH_SIGNER_ROLE)
    counters = delta.get_counters()
    sequential_id = counters.account + 1
    delta.put(Counters(sequential_id, counters.request))
    delta.put(Account(op.destination, op.referrer, sequential_id, op.role_id))
    for signer in op.signers:
        delta.put(Signer(op.destination, signer))
    for asset in delta.get_base_assets().codes:
        apply_new_balance(delta, context.ledger.network_id, op.destination, asset)
    add_participant(delta, source)
    add_participant(delta, op.destination)
    return succeeded(CreateAccountResult(sequential_id))


def compute_output_bytes(op: CreateAccount) -> int:
    """The most bytes it can add to a ledger's body beside the envelope."""
    signers = sum(SIGNER_OUTPUT_BYTES + len(signer.details) for signer in op.signers)
    return ACCOUNT_OUTPUT_BYTES + signers


def _have_enough_weight(signers: Iterable[SignerData]) -> bool:
    """Every weight counts for something, and the heaviest per identity reach the threshold."""
    heaviest: dict[int, int] = {}
    for signer in signers:
        if signer.weight == 0:
            return False
        heaviest[signer.identity] = max(signer.weight, heaviest.get(signer.identity, 0))
    return sum(heaviest.values()) >= SIGNATURE_THRESHOLD
