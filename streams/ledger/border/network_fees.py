"""What transfers cost outside the network: burned from the operator's float, else owed."""

from schemas.generated.common import U64, AccountID, Amount
from schemas.generated.entries import AssetSupply, Balance, ExternalTransfer, NetworkFeeDebt
from schemas.generated.ledger import EffectKind, NetworkFeeOwed
from schemas.generated.operations import NetworkFee
from streams.ledger.balances import apply_charge, apply_left_circulation
from streams.ledger.fees import get_balance_of_text
from streams.ledger.key_values import get_text
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

FLOAT = "network_fee_balance:"
BURNING_BYTES = compute_change_bytes(Balance) + compute_change_bytes(AssetSupply) + 2 * EFFECT_BYTES


def get_float(state: LedgerState, chain_id: str, asset: str) -> Balance | None:
    """The balance that pays for a chain's transfers, if it is of this asset."""
    text = get_text(state, FLOAT + chain_id)
    balance = None if text is None else get_balance_of_text(state, text)
    return balance if balance is not None and balance.asset == asset else None


def burn(delta: LedgerDelta, balance: Balance, amount: int) -> None:
    """Takes it out of circulation. The caller has checked that the balance suffices."""
    apply_charge(delta, balance, Amount(amount), EffectKind.NETWORK_FEE_BURNED)
    apply_left_circulation(delta, balance.asset, amount)


def charge_network_fee(
    delta: LedgerDelta, source: AccountID, transfer: ExternalTransfer, fee: NetworkFee
) -> NetworkFee | None:
    """Burns what the float covers; returns what is owed then, which is told its owner, or `source`
    where there is none. It never fails, for the fee is spent already."""
    balance = get_float(delta, transfer.chain_id, fee.asset)
    covered = 0 if balance is None else min(balance.amount, fee.amount)
    if balance is not None and covered:
        burn(delta, balance, covered)
    lacking = Amount(fee.amount - covered)
    if not lacking:
        return None
    transfer_id = U64(transfer.transfer_id)
    delta.put(NetworkFeeDebt(transfer_id, transfer.chain_id, fee.asset, lacking))
    owed = NetworkFeeOwed(transfer_id, fee.asset, lacking)
    told = source if balance is None else balance.account_id
    delta.add_effect(told, EffectKind.NETWORK_FEE_OWED, owed)
    return NetworkFee(fee.asset, lacking)
