"""ManageSigner: who may sign for the source account."""

from msgspec.structs import replace

from schemas.generated.bounds import ACCOUNT_SIGNERS_ITEMS_MAX
from schemas.generated.common import AccountID, Permission
from schemas.generated.entries import Account, Signer
from schemas.generated.keys import signer_key
from schemas.generated.operations import (
    CreateSigner,
    ManageSigner,
    ManageSignerCode,
    ManageSignerResult,
    RemoveSigner,
    UpdateSigner,
)
from schemas.generated.transactions import OperationResult
from schemas.json_text import is_json_text
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

PERMISSION = Permission.MANAGE_SIGNER
OUTPUT_BYTES = (
    compute_change_bytes(Signer)
    + compute_change_bytes(Account)
    + EFFECT_BYTES
    + compute_result_bytes(ManageSignerResult)
)


def validate(op: ManageSigner) -> ManageSignerCode | None:
    """Checks that hold whatever the ledger says."""
    if isinstance(op.action, RemoveSigner):
        return None
    if not is_json_text(op.action.data.details):
        return ManageSignerCode.INVALID_DETAILS
    if op.action.data.weight == 0:
        return ManageSignerCode.INVALID_WEIGHT
    return None


def apply(
    op: ManageSigner,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Adds, replaces or removes one signer (TokenD 1.2)."""
    action = op.action
    key = action.public_key if isinstance(action, RemoveSigner) else action.data.public_key
    account = delta.get_account(source)
    if account is None:
        raise InvariantViolation(f"the source {source.hex()} is no account")
    is_signer = key in account.signers
    if isinstance(action, CreateSigner) and is_signer:
        return refused(ManageSignerCode.ALREADY_EXISTS)
    if not isinstance(action, CreateSigner) and not is_signer:
        return refused(ManageSignerCode.NOT_FOUND)
    if not isinstance(action, RemoveSigner):
        if delta.get_signer_role(action.data.role_id) is None:
            return refused(ManageSignerCode.NO_SUCH_ROLE)
        if not is_signer and len(account.signers) == ACCOUNT_SIGNERS_ITEMS_MAX:
            return refused(ManageSignerCode.TOO_MANY_SIGNERS)
    _apply_action(delta, account, action)
    add_participant(delta, source)
    return succeeded(ManageSignerResult())


def _apply_action(
    delta: LedgerDelta, account: Account, action: CreateSigner | UpdateSigner | RemoveSigner
) -> None:
    """The account's list of signers follows its signers."""
    if isinstance(action, RemoveSigner):
        delta.remove(signer_key(account.account_id, action.public_key))
        left = tuple(key for key in account.signers if key != action.public_key)
        delta.put(replace(account, signers=left))
        return
    delta.put(Signer(account.account_id, action.data))
    if isinstance(action, CreateSigner):
        keys = tuple(sorted((*account.signers, action.data.public_key)))
        delta.put(replace(account, signers=keys))


def compute_output_bytes(op: ManageSigner, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
