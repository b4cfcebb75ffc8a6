"""ManageBalance: a new balance of an asset for an account."""

from schemas.generated.common import AccountID, Permission
from schemas.generated.entries import Balance
from schemas.generated.operations import (
    ManageBalance,
    ManageBalanceAction,
    ManageBalanceCode,
    ManageBalanceResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.balances import add_participant, apply_new_balance, get_first_balance
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import has_permission, is_asset_code

PERMISSION = Permission.MANAGE_BALANCE
OUTPUT_BYTES = (
    compute_change_bytes(Balance, is_new=True)
    + 2 * EFFECT_BYTES
    + compute_result_bytes(ManageBalanceResult)
)


def validate(op: ManageBalance) -> ManageBalanceCode | None:
    """Checks that hold whatever the ledger says."""
    if not is_asset_code(op.asset):
        return ManageBalanceCode.INVALID_ASSET
    return None


def apply(
    op: ManageBalance, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Creates the balance; for others only with the permission to (TokenD 1.2)."""
    network_id = context.ledger.network_id
    if op.destination != source and not _may_create_for_other(delta, source):
        return refused(ManageBalanceCode.NOT_AUTHORIZED)
    if delta.get_account(op.destination) is None:
        return refused(ManageBalanceCode.DESTINATION_NOT_FOUND)
    if delta.get_asset(op.asset) is None:
        return refused(ManageBalanceCode.ASSET_NOT_FOUND)
    if (
        op.action is ManageBalanceAction.CREATE_UNIQUE
        and get_first_balance(delta, network_id, op.destination, op.asset) is not None
    ):
        return refused(ManageBalanceCode.BALANCE_ALREADY_EXISTS)
    balance = apply_new_balance(delta, network_id, op.destination, op.asset)
    if balance is None:
        return refused(ManageBalanceCode.TOO_MANY_BALANCES)
    add_participant(delta, source)
    if op.destination != source:
        add_participant(delta, op.destination)
    return succeeded(ManageBalanceResult(balance.balance_id))


def compute_output_bytes(op: ManageBalance, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def _may_create_for_other(delta: LedgerDelta, source: AccountID) -> bool:
    account = delta.get_account(source)
    role = None if account is None else delta.get_account_role(account.role_id)
    return has_permission(role, Permission.MANAGE_BALANCE_FOR_OTHER)
