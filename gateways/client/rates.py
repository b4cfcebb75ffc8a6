"""Prices as operators set them: the first of a pair, and one beyond its step.

All other prices are set by RateSync. A price beyond the step goes by a governed change, so that a
policy may demand that several people agree.
"""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from schemas.generated.common import U64, Price
from schemas.generated.operations import (
    CreateAssetPair,
    CreateGovernedChangeRequest,
    ManageAssetPair,
    UpdatePrice,
)

PART_MAX = 2**128 - 1
HUNDRED_MILLIONTHS = 1_000_000
"""Of a percent."""


def make_first_price(
    client: HorizonClient, base: str, quote: str, price: str, max_age_ms: int, step_percent: str
) -> ManageAssetPair:
    """`price`: what one whole `base` is worth in whole `quote`. Raises ClientError."""
    step = _read_decimal(step_percent, "step") * HUNDRED_MILLIONTHS
    if step != int(step):
        raise ClientError(f"step: {step_percent} has more than six decimals")
    at_ms = U64(client.get_network_time_ms())
    found = _make_price(client, base, quote, price)
    made = CreateAssetPair(found, U64(1), at_ms, U64(max_age_ms), int(step))
    return ManageAssetPair(base, quote, made)


def make_price_change(
    client: HorizonClient, base: str, quote: str, price: str
) -> CreateGovernedChangeRequest:
    """The next price, whatever the step. Raises ClientError."""
    current = get_pair(client, base, quote)
    number, at_ms = U64(int(current["round"]) + 1), U64(client.get_network_time_ms())
    update = UpdatePrice(_make_price(client, base, quote, price), number, at_ms)
    return CreateGovernedChangeRequest(ManageAssetPair(base, quote, update), None)


def get_pair(client: HorizonClient, base: str, quote: str) -> dict[str, Any]:
    """Its entry. Raises ClientError."""
    document = client.get(f"/v3/asset-pairs/{base}:{quote}")
    entry: dict[str, Any] = document["data"]["attributes"]["entry"]
    return entry


def _make_price(client: HorizonClient, base: str, quote: str, price: str) -> Price:
    digits = [_get_digits(client, code) for code in (base, quote)]
    whole = Fraction(_read_decimal(price, "price"))
    units = whole * Fraction(10 ** digits[1], 10 ** digits[0])
    if max(units.numerator, units.denominator) > PART_MAX:
        raise ClientError(f"price: the ledger cannot hold {price} exactly")
    return Price(units.numerator, units.denominator)


def _get_digits(client: HorizonClient, code: str) -> int:
    document = client.get(f"/v3/assets/{code}")
    return int(document["data"]["attributes"]["trailing_digits"])


def _read_decimal(text: str, what: str) -> Decimal:
    try:
        value = Decimal(text)
    except ArithmeticError:
        raise ClientError(f"{what}: {text!r} is no number") from None
    if not value.is_finite() or value <= 0 or abs(value.adjusted()) > 30:
        raise ClientError(f"{what}: {text!r} is not a usable number above 0")
    return value
