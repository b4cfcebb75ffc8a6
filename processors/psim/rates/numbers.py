"""Prices as exact ratios: from the numbers of a provider to a ledger's units. Pure, without floats.

A ratio is positive, lowest terms, and what one whole unit of the base is worth in whole units of
the quote. Comparisons are made by multiplying integers.
"""

from decimal import Decimal
from fractions import Fraction

from schemas.generated.common import Price
from streams.ledger.prices import STEP_WHOLE

EXPONENT_MAX, DIGITS_MAX = 30, 30
"""Of a provider's number: anything larger, smaller or longer is no price."""
PART_MAX = 2**128 - 1


class NoPrice(ValueError):
    """A provider's number that is no price; the message says why."""


def read_ratio(number: Decimal | int | str, *, is_inverted: bool = False) -> Fraction:
    """Exact. `is_inverted`: it is what the quote is worth in the base. Raises `NoPrice`."""
    try:
        value = Decimal(number)
    except (ArithmeticError, ValueError):
        raise NoPrice("it is no number") from None
    if not value.is_finite():
        raise NoPrice("it is not finite")
    if value <= 0:
        raise NoPrice("it is not more than 0")
    if abs(value.adjusted()) > EXPONENT_MAX or len(value.as_tuple().digits) > DIGITS_MAX:
        raise NoPrice("it is out of range")
    numerator, denominator = value.as_integer_ratio()
    return Fraction(denominator, numerator) if is_inverted else Fraction(numerator, denominator)


def make_price(ratio: Fraction, base_digits: int, quote_digits: int) -> Price:
    """Between smallest units, exact. Raises `NoPrice` where the ledger cannot hold it."""
    units = ratio * Fraction(10**quote_digits, 10**base_digits)
    if max(units.numerator, units.denominator) > PART_MAX:
        raise NoPrice("the ledger cannot hold it exactly")
    return Price(units.numerator, units.denominator)


def read_price(price: Price) -> Fraction:
    """As smallest units are worth. Raises `NoPrice`."""
    if not price.numerator or not price.denominator:
        raise NoPrice("it is not more than 0")
    return Fraction(price.numerator, price.denominator)


def is_within(value: Fraction, middle: Fraction, band: int) -> bool:
    """Whether `value` is at most `band` hundred-millionths of `middle` away from it."""
    return abs(value - middle) * STEP_WHOLE <= band * middle


def read_percent(text: str) -> int:
    """ "1.5" is one and a half percent: as hundred-millionths. Raises ValueError."""
    try:
        value = Decimal(text) * (STEP_WHOLE // 100)
    except ArithmeticError:
        raise ValueError(f"{text!r} is no percentage") from None
    if not value.is_finite() or value != value.to_integral_value() or not 0 < value <= STEP_WHOLE:
        raise ValueError(f"{text!r} is no percentage above 0, at most 100, with six decimals")
    return int(value)
