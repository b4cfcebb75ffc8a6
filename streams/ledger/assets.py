"""Assets that can be used, and which of them every new account gets a balance of."""

from schemas.generated.bounds import BASE_ASSETS_CODES_ITEMS_MAX
from schemas.generated.common import BalanceID
from schemas.generated.entries import Asset, AssetState, Balance, BaseAssets
from streams.ledger.balances import get_balance_asset, get_known_balance
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerDelta, LedgerState


def get_active_asset(state: LedgerState, code: str) -> Asset | None:
    """None: there is none, or it was removed."""
    asset = state.get_asset(code)
    return asset if asset is not None and asset.state is AssetState.ACTIVE else None


def find_asset_of_balance(state: LedgerState, balance_id: BalanceID) -> Asset | None:
    """None: there is no such balance."""
    code = get_balance_asset(state, balance_id)
    return None if code is None else state.get_asset(code)


def get_known_subject(state: LedgerState, balance_id: BalanceID) -> tuple[Balance, Asset]:
    """A balance that was there before, and its asset."""
    balance = get_known_balance(state, balance_id)
    asset = state.get_asset(balance.asset)
    if asset is None:
        raise InvariantViolation(f"the asset {balance.asset} is gone")
    return balance, asset


def set_base_asset(delta: LedgerDelta, code: str, *, is_base: bool) -> bool:
    """Puts the asset on the list of base assets or takes it off; False: the list is full."""
    codes = delta.get_base_assets().codes
    if (code in codes) == is_base:
        return True
    if not is_base:
        delta.put(BaseAssets(tuple(each for each in codes if each != code)))
        return True
    if len(codes) == BASE_ASSETS_CODES_ITEMS_MAX:
        return False
    delta.put(BaseAssets(tuple(sorted((*codes, code)))))
    return True
