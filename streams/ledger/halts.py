"""What is halted of assets: issuances, withdrawals."""

from schemas.generated.common import AccountID
from schemas.generated.entries import AssetHalt
from schemas.generated.ledger import EffectKind, HaltChange
from streams.ledger.state import LedgerDelta, LedgerState


def is_issuance_halted(state: LedgerState, asset: str) -> bool:
    halt = state.get_asset_halt(asset)
    return halt is not None and halt.issuance


def is_withdrawal_halted(state: LedgerState, asset: str) -> bool:
    halt = state.get_asset_halt(asset)
    return halt is not None and halt.withdrawal


def add_halt_change(delta: LedgerDelta, account_id: AccountID, halt: AssetHalt) -> None:
    """Tells an account's history what is halted now."""
    detail = HaltChange(halt.asset, halt.issuance, halt.withdrawal)
    delta.add_effect(account_id, EffectKind.HALT_CHANGED, detail)
