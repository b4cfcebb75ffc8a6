"""Amounts and times as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values import format_amount, format_time, parse_amount

UNITS_MAX = (1 << 128) - 1


@given(st.integers(0, UNITS_MAX), st.integers(0, 18))
def test_amounts_come_back(units: int, digits: int) -> None:
    assert parse_amount(format_amount(units, digits), digits) == units


@pytest.mark.parametrize(
    ("units", "digits", "text"),
    [(0, 2, "0.00"), (5, 2, "0.05"), (1234, 2, "12.34"), (7, 0, "7"), (1, 18, f"0.{'0' * 17}1")],
)
def test_amounts_read_as_people_write_them(units: int, digits: int, text: str) -> None:
    assert format_amount(units, digits) == text


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1e3", "1.", ".5", "1,5", " 1", "1.234", "NaN", "٣", str(1 << 128)]
)
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_amount(text, 2)


def test_zeros_beyond_the_decimals_lose_nothing() -> None:
    assert parse_amount("1.2000", 1) == 12


def test_times() -> None:
    assert format_time(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
    assert format_time((1 << 64) - 1) == str((1 << 64) - 1)
