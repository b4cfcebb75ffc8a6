"""CreateAccount: a new account, controlled by its signers alone."""

from msgspec.structs import replace

from schemas.generated.bounds import BASE_ASSETS_CODES_ITEMS_MAX
from schemas.generated.common import AccessKind, AccountID, Action
from schemas.generated.entries import Account, Balance, Counters
from schemas.generated.operations import CreateAccount, CreateAccountCode, CreateAccountResult
from schemas.generated.transactions import OperationResult
from streams.ledger.access.registry import USE_BYTES, count_uses
from streams.ledger.access.requirements import Requirements, require_account
from streams.ledger.balances import add_participant, apply_new_balance
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.signers import (
    apply_signers,
    compute_signer_bytes,
    have_roles,
    validate_signers,
)
from streams.ledger.state import LedgerDelta, LedgerState

IS_SIZED_BY_STATE = True
OUTPUT_BYTES = (
    compute_change_bytes(Account, is_new=True)
    + compute_change_bytes(Counters)
    + USE_BYTES
    + 2 * EFFECT_BYTES
    + compute_result_bytes(CreateAccountResult)
)
BALANCE_BYTES = compute_change_bytes(Balance, is_new=True)


def validate(op: CreateAccount) -> CreateAccountCode | None:
    """Checks that hold whatever the ledger says."""
    if op.destination in (bytes(32), op.referrer):
        return CreateAccountCode.INVALID_DESTINATION
    code: CreateAccountCode | None = validate_signers(op.signers, CreateAccountCode)
    return code


def get_requirements(
    op: CreateAccount,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Creating accounts of the role."""
    return (require_account(Action.CREATE, op.role_id),)


def apply(
    op: CreateAccount, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Creates the account, its signers and a balance of every asset that was a base asset
    before this ledger (TokenD 1.2)."""
    if delta.get_account(op.destination) is not None:
        return refused(CreateAccountCode.ALREADY_EXISTS)
    if op.referrer is not None and delta.get_account(op.referrer) is None:
        return refused(CreateAccountCode.REFERRER_NOT_FOUND)
    if delta.get_account_role(op.role_id) is None:
        return refused(CreateAccountCode.NO_SUCH_ROLE)
    if not have_roles(delta, op.signers):
        return refused(CreateAccountCode.NO_SUCH_SIGNER_ROLE)
    counters = delta.get_counters()
    sequential_id = counters.account + 1
    delta.put(replace(counters, account=sequential_id))
    keys = tuple(sorted(signer.public_key for signer in op.signers))
    delta.put(Account(op.destination, op.referrer, sequential_id, op.role_id, keys))
    count_uses(delta, AccessKind.ACCOUNT_ROLE, (op.role_id,), 1)
    apply_signers(delta, op.destination, op.signers)
    for asset in context.ledger.base_assets:
        apply_new_balance(delta, context.ledger.network_id, op.destination, asset)
    add_participant(delta, source)
    add_participant(delta, op.destination)
    return succeeded(CreateAccountResult(sequential_id))


def compute_output_bytes(op: CreateAccount, state: LedgerState | None) -> int:
    """The most bytes it can add to a ledger's body beside the envelope: a balance for each asset
    that was a base asset before that ledger."""
    most = BASE_ASSETS_CODES_ITEMS_MAX
    base_assets = most if state is None else len(state.get_base_assets().codes)
    return OUTPUT_BYTES + compute_signer_bytes(op.signers) + base_assets * BALANCE_BYTES
