"""Values as text: amounts, times. Pure: no clock, no float; text in, integers out and back."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIGITS_MAX = 18
_DECIMAL = re.compile(r"(\d{1,39})(?:\.(\d{1,18}))?")


def format_amount(units: int, digits: int) -> str:
    """`units` of the smallest unit as a decimal with exactly `digits` decimals."""
    if digits == 0:
        return str(units)
    text = str(units).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}"


def parse_amount(text: str, digits: int) -> int:
    """Units of the smallest unit. Raises ValueError: no sign, no exponent, nothing is rounded."""
    match = _DECIMAL.fullmatch(text)
    if match is None or not text.isascii():
        raise ValueError(f"{text[:50]!r} is no amount: write it like 12.34")
    decimals = (match[2] or "").rstrip("0")
    if len(decimals) > digits:
        raise ValueError(f"{text} has more decimals than the asset's {digits}")
    units = int(match[1] + decimals.ljust(digits, "0"))
    if units >> 128:
        raise ValueError(f"{text} is larger than any amount can be")
    return units


@lru_cache(4_096)
def format_time(milliseconds: int) -> str:
    """ISO 8601 in UTC, to the millisecond. Beyond the year 9999 the number alone."""
    try:
        moment = EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return str(milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
