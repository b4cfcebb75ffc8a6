"""Amounts are converted both ways, rounded up, and never by a price that is too old."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.generated.common import Price
from schemas.generated.entries import AssetPair
from schemas.generated.keys import get_key
from schemas.generated.ledger import LedgerEntry
from streams.ledger.prices import PriceProblem, convert, is_step_exceeded
from streams.ledger.state import LedgerState
from streams.ledger.values import AMOUNT_MAX

AMOUNTS = st.integers(0, AMOUNT_MAX)
TERMS = st.integers(1, AMOUNT_MAX)


def make_state(numerator: int, denominator: int) -> LedgerState:
    """One USD is worth so many EUR; quoted at 1,000 for 500."""
    pair = AssetPair("USD", "EUR", Price(numerator, denominator), 1, 1_000, 500, 0)
    return LedgerState({get_key(pair): encode(LedgerEntry(pair))})


@given(AMOUNTS, TERMS, TERMS)
def test_conversions_round_up(amount: int, numerator: int, denominator: int) -> None:
    state = make_state(numerator, denominator)
    forth = convert(state, amount, "USD", "EUR", 1_000)
    back = convert(state, amount, "EUR", "USD", 1_000)
    assert isinstance(forth, int)
    assert isinstance(back, int)
    assert (forth - 1) * denominator < amount * numerator <= forth * denominator
    assert (back - 1) * numerator < amount * denominator <= back * numerator


@given(AMOUNTS)
def test_an_asset_needs_no_price_in_itself(amount: int) -> None:
    assert convert(LedgerState({}), amount, "EUR", "EUR", 0) == amount


def test_without_a_pair_nothing_is_converted() -> None:
    assert convert(make_state(1, 1), 1, "USD", "GBP", 1_000) is PriceProblem.PAIR_NOT_FOUND


def test_a_price_is_good_up_to_its_age() -> None:
    state = make_state(1, 1)
    assert convert(state, 5, "USD", "EUR", 1_500) == 5
    assert convert(state, 5, "USD", "EUR", 1_501) is PriceProblem.PRICE_TOO_OLD
    assert convert(state, 5, "EUR", "USD", 1_501) is PriceProblem.PRICE_TOO_OLD


@given(TERMS, TERMS, TERMS, TERMS, st.integers(0, 10**9))
def test_a_step_is_measured_against_the_current_price(
    before: int, below: int, after: int, under: int, step_max: int
) -> None:
    pair = AssetPair("USD", "EUR", Price(before, below), 1, 0, 1, step_max)
    step = abs(after * below - before * under) * 10**8
    assert is_step_exceeded(pair, Price(after, under)) == (step > step_max * before * under)
