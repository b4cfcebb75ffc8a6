"""What providers agree on: the lower median of actual quotes within a band. Pure."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from processors.psim.rates.numbers import is_within
from schemas.generated.events import ProviderStand


class Told(NamedTuple):
    """What a provider told last. `time_ms`: when that was true, as the provider says; None: it does
    not say. `first_ms`: when that very time was seen first here, by the own clock; of a provider
    that tells no time, when it answered last."""

    provider: str
    price: Fraction
    time_ms: int | None
    first_ms: int


class Agreement(NamedTuple):
    """`price` is None where too few agree. `stands` and `prices` by provider."""

    price: Fraction | None
    stands: dict[str, ProviderStand]
    prices: dict[str, Fraction]

    def list(self, stand: ProviderStand) -> list[str]:
        return [name for name, each in sorted(self.stands.items()) if each is stand]


def agree(
    providers: Iterable[str],
    told: Iterable[Told],
    now_ms: int,
    fresh_ms: int,
    band: int,
    providers_to_agree: int,
) -> Agreement:
    """At least `providers_to_agree` fresh quotes, which are also more than half of the fresh ones,
    lie within the band around the lower median of the fresh ones."""
    known = {each.provider: each for each in told}
    stands = {name: _judge(known.get(name), now_ms, fresh_ms) for name in providers}
    prices = {name: known[name].price for name in stands if name in known}
    fresh = [name for name, stand in stands.items() if stand is ProviderStand.AGREES]
    if not fresh:
        return Agreement(None, stands, prices)
    middle = get_lower_median(prices[name] for name in fresh)
    agreeing = [name for name in fresh if is_within(prices[name], middle, band)]
    for name in fresh:
        if name not in agreeing:
            stands[name] = ProviderStand.OUTSIDE
    is_enough = len(agreeing) >= providers_to_agree and 2 * len(agreeing) > len(fresh)
    price = get_lower_median(prices[name] for name in agreeing) if is_enough else None
    return Agreement(price, stands, prices)


def get_lower_median(values: Iterable[Fraction]) -> Fraction:
    """The middle one of them, of two middle ones the lower: always one that was quoted."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]


def _judge(told: Told | None, now_ms: int, fresh_ms: int) -> ProviderStand:
    """Fresh ones are taken for agreeing until the band is known. A time that does not advance is
    stale, whatever it says; and so is one that is long past."""
    if told is None:
        return ProviderStand.SILENT
    if now_ms - told.first_ms > fresh_ms:
        return ProviderStand.STALE
    if told.time_ms is not None and now_ms - told.time_ms > fresh_ms:
        return ProviderStand.STALE
    return ProviderStand.AGREES
