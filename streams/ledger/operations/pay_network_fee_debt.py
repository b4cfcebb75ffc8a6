"""PayNetworkFeeDebt: burning what a transfer cost more than the operator's float held."""

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import NetworkFeeDebt
from schemas.generated.keys import network_fee_debt_key
from schemas.generated.operations import (
    PayNetworkFeeDebt,
    PayNetworkFeeDebtCode,
    PayNetworkFeeDebtResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_chain
from streams.ledger.balances import add_participant
from streams.ledger.border.network_fees import BURNING_BYTES, burn, get_float
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(NetworkFeeDebt)
    + BURNING_BYTES
    + EFFECT_BYTES
    + compute_result_bytes(PayNetworkFeeDebtResult)
)


def validate(op: PayNetworkFeeDebt) -> PayNetworkFeeDebtCode | None:  # noqa: ARG001 - a common form
    """Nothing can be wrong whatever the ledger says."""
    return None


def get_requirements(
    op: PayNetworkFeeDebt,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Settling what the chain is owed."""
    debt = state.get_network_fee_debt(op.transfer_id)
    return None if debt is None else (require_chain(Action.SETTLE, debt.chain_id),)


def apply(
    op: PayNetworkFeeDebt,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """All of it, from the balance that pays for the chain's transfers."""
    debt = delta.get_network_fee_debt(op.transfer_id)
    if debt is None:
        raise InvariantViolation(f"the debt of the transfer {op.transfer_id} is gone")
    balance = get_float(delta, debt.chain_id, debt.asset)
    if balance is None:
        return refused(PayNetworkFeeDebtCode.FLOAT_NOT_FOUND)
    if balance.amount < debt.amount:
        return refused(PayNetworkFeeDebtCode.UNDERFUNDED)
    add_participant(delta, source)
    burn(delta, balance, debt.amount)
    delta.remove(network_fee_debt_key(op.transfer_id))
    return succeeded(PayNetworkFeeDebtResult())


def compute_output_bytes(op: PayNetworkFeeDebt, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
