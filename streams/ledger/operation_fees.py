"""Fees of operations: what keeps the growth of the state from being free.

They are charged in the asset that the key-value operation_fee_asset named before the ledger, from
accounts whose role pays for operations, as fee schedules of the type OPERATION say; by default none
is. A refused transaction costs nothing: it changes nothing.
"""

from typing import Any

from schemas.assembly import get_type_name
from schemas.contract import OPERATIONS
from schemas.generated import operations
from schemas.generated.common import AccountID, Amount, FeeType
from schemas.generated.entries import Balance
from schemas.generated.keys import key_value_key
from schemas.generated.ledger import EffectKind
from schemas.generated.transactions import FeesDue, OperationCode, OperationResult
from streams.ledger.balances import apply_charge, get_first_balance
from streams.ledger.context import TransactionContext
from streams.ledger.fees import (
    NOTHING,
    OPERATION_FEE_ASSET,
    FeeKind,
    apply_commission,
    compute_account_fee,
    compute_total,
)
from streams.ledger.key_values import get_text
from streams.ledger.operations.outcome import refused
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OPERATION_FEE_BYTES = compute_change_bytes(Balance, 2) + 2 * EFFECT_BYTES
"""The most that the fee of one operation adds to a ledger's body."""
KEY = key_value_key(OPERATION_FEE_ASSET)
KINDS: dict[type, FeeKind] = {
    getattr(operations, get_type_name(row.stem)): FeeKind(FeeType.OPERATION, row.number)
    for row in OPERATIONS
}


def get_operation_fee_asset(state: LedgerState) -> str | None:
    """The asset in which operations are paid for; None: they are free."""
    return None if state.find(KEY) is None else get_text(state, OPERATION_FEE_ASSET)


def charge_operation(
    body: Any, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult | None:
    """Charges `source` for the operation with this body; the refusal if it cannot pay."""
    asset = context.ledger.operation_fee_asset
    account = None if asset is None else delta.get_account(source)
    if asset is None or account is None:
        return None
    role = delta.get_account_role(account.role_id)
    if role is None or not role.pays_for_operations:
        return None
    fee = compute_account_fee(delta, account, KINDS[type(body)], asset, 0)
    if fee is None:
        return None
    network_id = context.ledger.network_id
    balance = get_first_balance(delta, network_id, source, asset)
    if balance is None or balance.amount < compute_total(fee):
        return refused(OperationCode.OPERATION_FEE_NOT_COVERED, FeesDue(asset, fee, NOTHING))
    apply_charge(delta, balance, Amount(0), EffectKind.CHARGED, fee)
    apply_commission(delta, network_id, asset, compute_total(fee))
    return None
