"""Prices of asset pairs: what they are worth, and converting amounts by them.

A pair is worth nothing once its price is older than it may be: whatever would convert by it must
refuse. Conversions round up. Pure arithmetic on integers.
"""

from enum import Enum

from schemas.generated.common import AccountID, Price
from schemas.generated.entries import AssetPair
from schemas.generated.ledger import EffectKind, PriceChange
from streams.ledger.state import LedgerDelta, LedgerState

STEP_WHOLE = 100_000_000


class PriceProblem(Enum):
    """Why an amount cannot be converted. Operations have codes of the same names."""

    PAIR_NOT_FOUND = "PAIR_NOT_FOUND"
    PRICE_TOO_OLD = "PRICE_TOO_OLD"


def convert(
    state: LedgerState, amount: int, from_asset: str, to_asset: str, close_time_ms: int
) -> int | PriceProblem:
    """What `amount` is worth in smallest units of `to_asset`, rounded up."""
    if from_asset == to_asset:
        return amount
    pair = state.get_asset_pair(from_asset, to_asset)
    reverse = None if pair is not None else state.get_asset_pair(to_asset, from_asset)
    found = pair or reverse
    if found is None:
        return PriceProblem.PAIR_NOT_FOUND
    if is_too_old(found, close_time_ms):
        return PriceProblem.PRICE_TOO_OLD
    price = found.price
    if reverse is None:
        return -(-amount * price.numerator // price.denominator)
    return -(-amount * price.denominator // price.numerator)


def is_too_old(pair: AssetPair, close_time_ms: int) -> bool:
    return close_time_ms > pair.quoted_at_ms + pair.max_age_ms


def is_step_exceeded(pair: AssetPair, price: Price) -> bool:
    """Whether `price` lies further from the pair's than it allows."""
    before = pair.price.numerator * price.denominator
    after = price.numerator * pair.price.denominator
    return abs(after - before) * STEP_WHOLE > pair.step_max * before


def add_price_change(delta: LedgerDelta, account_id: AccountID, pair: AssetPair) -> None:
    """Tells who set the price of a pair, and which."""
    detail = PriceChange(pair.base, pair.quote, pair.price, pair.round)
    delta.add_effect(account_id, EffectKind.PRICE_CHANGED, detail)
