"""Random price scenarios on the rules and a real ledger, with bugs planted in them."""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import pytest

from processors.psim.rates import agreement, numbers, rules, slots
from schemas.generated.events import ProviderStand
from schemas.generated.operations import UpdatePrice
from tests.processors.psim.rates.scenarios import Scenarios

SLOTS = 100
WORLDS = 100
QUICK = WORLDS // 10
Patch = pytest.MonkeyPatch


def run_worlds(first: int, count: int) -> None:
    """A failure names the seed."""
    for seed in range(first, first + count):
        try:
            events = Scenarios(seed).run(SLOTS)
        except AssertionError as error:
            raise AssertionError(f"Scenarios({seed}): {error}") from error
        assert events["published"] > SLOTS // 3, f"Scenarios({seed}): hardly anything is published"


@pytest.mark.parametrize("first", range(0, QUICK, 5))
def test_scenarios(first: int) -> None:
    run_worlds(first, 5)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(3_000)
def test_scenarios_campaign(pytestconfig: pytest.Config) -> None:
    run_worlds(QUICK, QUICK * (pytestconfig.getoption("--faults") - 1))


def believe_stale_prices(patch: Patch) -> None:
    patch.setattr(agreement, "_judge", lambda told, *_: judge_by_presence(told))


def judge_by_presence(told: Any) -> ProviderStand:
    return ProviderStand.SILENT if told is None else ProviderStand.AGREES


def take_any_majority_of_one(patch: Patch) -> None:
    right = slots.PairSlots.begin

    def begin(self: Any, view: Any, quoted_at_ms: int, agreed: Any) -> Any:
        price = agreed.price or next(iter(agreed.prices.values()), None)
        return right(self, view, quoted_at_ms, agreed._replace(price=price))

    patch.setattr(slots.PairSlots, "begin", begin)


def take_the_mean(patch: Patch) -> None:
    def mean(values: Any) -> Fraction:
        listed = list(values)
        return sum(listed, Fraction(0)) / len(listed)

    patch.setattr(agreement, "get_lower_median", mean)


def sign_whatever_peers_quote(patch: Patch) -> None:
    patch.setattr(rules, "is_within", lambda *_: True)


def accept_jumps_at_once(patch: Patch) -> None:
    right = rules._intend

    def intend(pair: Any, own: Any, ratio: Any, terms: Any) -> Any:
        return right(pair, own, ratio, terms._replace(rounds_to_jump=1))

    patch.setattr(rules, "_intend", intend)


def widen_the_band_tenfold(patch: Patch) -> None:
    right = numbers.is_within
    patch.setattr(
        agreement, "is_within", lambda value, middle, band: right(value, middle, band * 10)
    )


def drop_the_round(patch: Patch) -> None:
    """Every candidate names the same round as the last: nothing is ever published again."""
    patch.setattr(
        rules, "UpdatePrice", lambda price, number, at: UpdatePrice(price, number - 1, at)
    )


PLANTED: Mapping[str, Callable[[Patch], None]] = {
    plant.__name__: plant
    for plant in (
        believe_stale_prices,
        take_any_majority_of_one,
        take_the_mean,
        sign_whatever_peers_quote,
        accept_jumps_at_once,
        widen_the_band_tenfold,
        drop_the_round,
    )
}


@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED[name](monkeypatch)
    with pytest.raises(AssertionError):
        run_worlds(0, 3)
