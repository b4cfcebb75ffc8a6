"""ManageBalance: a new balance of an asset for an account."""

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import Balance
from schemas.generated.operations import (
    ManageBalance,
    ManageBalanceAction,
    ManageBalanceCode,
    ManageBalanceResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_balance
from streams.ledger.assets import get_active_asset
from streams.ledger.balances import add_participant, apply_new_balance, get_first_balance
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(Balance, is_new=True)
    + 2 * EFFECT_BYTES
    + compute_result_bytes(ManageBalanceResult)
)


def validate(op: ManageBalance) -> ManageBalanceCode | None:  # noqa: ARG001 - a common form
    """Nothing can be wrong whatever the ledger says."""
    return None


def get_requirements(
    op: ManageBalance, source: AccountID, state: LedgerState
) -> Requirements | None:
    """Creating balances of the asset, for oneself or for another."""
    asset = state.get_asset(op.asset)
    if asset is None:
        return None
    action = Action.CREATE if op.destination == source else Action.CREATE_FOR_OTHER
    return (require_balance(action, asset.code, asset.asset_type),)


def apply(
    op: ManageBalance, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Creates the balance (TokenD 1.2)."""
    network_id = context.ledger.network_id
    if delta.get_account(op.destination) is None:
        return refused(ManageBalanceCode.DESTINATION_NOT_FOUND)
    if get_active_asset(delta, op.asset) is None:
        return refused(ManageBalanceCode.ASSET_REMOVED)
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
