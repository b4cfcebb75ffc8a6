"""ManageSigner: who may sign for the source account."""

from msgspec.structs import replace

from schemas.generated.bounds import ACCOUNT_SIGNERS_ITEMS_MAX
from schemas.generated.common import AccessKind, AccountID, Action, PublicKey
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
from streams.ledger.access.registry import USE_BYTES, count_uses
from streams.ledger.access.requirements import Requirements, require_signer
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import MASTER_SIGNER_ROLE, SIGNATURE_THRESHOLD, compute_weight

OUTPUT_BYTES = (
    compute_change_bytes(Signer)
    + compute_change_bytes(Account)
    + 2 * USE_BYTES
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


def get_requirements(
    op: ManageSigner, source: AccountID, state: LedgerState
) -> Requirements | None:
    """Creating, changing or removing signers of the role, of both roles when it changes."""
    action = op.action
    if isinstance(action, CreateSigner):
        return (require_signer(Action.CREATE, action.data.role_id),)
    key = action.public_key if isinstance(action, RemoveSigner) else action.data.public_key
    signer = state.get_signer(source, key)
    if signer is None:
        return None
    if isinstance(action, RemoveSigner):
        return (require_signer(Action.REMOVE, signer.data.role_id),)
    roles = {signer.data.role_id: None, action.data.role_id: None}
    return tuple(require_signer(Action.UPDATE, each) for each in roles)


def apply(
    op: ManageSigner,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
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
    if not isinstance(action, RemoveSigner):
        if delta.get_signer_role(action.data.role_id) is None:
            return refused(ManageSignerCode.NO_SUCH_ROLE)
        if not is_signer and len(account.signers) == ACCOUNT_SIGNERS_ITEMS_MAX:
            return refused(ManageSignerCode.TOO_MANY_SIGNERS)
    _count_roles(delta, source, key, action)
    _apply_action(delta, account, action)
    if source == context.ledger.settings.master_account and not has_master_signers(delta, source):
        return refused(ManageSignerCode.LAST_MASTER_SIGNERS)
    add_participant(delta, source)
    return succeeded(ManageSignerResult())


def has_master_signers(state: LedgerState, account_id: AccountID) -> bool:
    """Whether its signers with the master role reach the threshold."""
    account = state.get_account(account_id)
    keys = () if account is None else account.signers
    signers = [state.get_signer(account_id, key) for key in keys]
    masters = [each for each in signers if each and each.data.role_id == MASTER_SIGNER_ROLE]
    return compute_weight(masters) >= SIGNATURE_THRESHOLD


def _count_roles(
    delta: LedgerDelta,
    account_id: AccountID,
    key: PublicKey,
    action: CreateSigner | UpdateSigner | RemoveSigner,
) -> None:
    old = delta.get_signer(account_id, key)
    if old is not None:
        count_uses(delta, AccessKind.SIGNER_ROLE, (old.data.role_id,), -1)
    if not isinstance(action, RemoveSigner):
        count_uses(delta, AccessKind.SIGNER_ROLE, (action.data.role_id,), 1)


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
