"""From quotes of instances to one price, and whether this instance signs for it. Pure.

Every set of quotes of one slot by enough instances gives one candidate: the lower median of their
prices, as of the beginning of the slot. Whoever holds the same set derives the same bytes. An
instance signs only candidates within the band around its own price, and offers one of the largest
set that it holds.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.rates.agreement import get_lower_median
from processors.psim.rates.numbers import is_within
from schemas.generated.common import U64, Hash, Price, PublicKey
from schemas.generated.entries import AssetPair
from schemas.generated.operations import (
    CreateGovernedChangeRequest,
    ManageAssetPair,
    UpdatePrice,
)
from streams.ledger.prices import is_step_exceeded

UPDATE, GOVERNED = "manage_asset_pair", "create_governed_change_request"
INSTANCES_MAX = 7
"""Sets are chosen from the quotes of so many instances, by their keys."""


class Terms(NamedTuple):
    """What all instances of a network agree on by their settings. Bands are hundred-millionths.
    `refresh_ms`: a price that old is set anew even if it has not moved by `move`. `rounds_to_jump`:
    so many slots one after the other must agree on a price beyond the pair's step."""

    band: int
    move: int
    refresh_ms: int
    rounds_to_jump: int


class OwnQuote(NamedTuple):
    """Of this instance, in ledger units. `steady`: so many slots, this one included, it has lain
    within the band of one level, one after the other."""

    quoted_at_ms: int
    price: Fraction
    steady: int


Quotes = Mapping[PublicKey, Fraction]
"""Of one pair and slot: the prices, in ledger units, by the instance that signed for them."""


def make_intents(
    pair: AssetPair,
    own: OwnQuote | None,
    quotes: Quotes,
    terms: Terms,
    is_enough: Callable[[Sequence[PublicKey]], bool],
    *,
    is_offering: bool,
) -> dict[Hash, Intent]:
    """All that this instance would sign about the pair in its newest slot. `is_enough`: whether
    these instances could set a price. `is_offering`: it waits for no further quotes."""
    if own is None or own.quoted_at_ms < pair.quoted_at_ms:
        return {}
    intents: dict[Hash, Intent] = {}
    largest = 0
    for chosen in _find_sets(quotes, is_enough):
        price = get_lower_median(quotes[key] for key in chosen)
        if not is_within(price, own.price, terms.band):
            continue
        is_offered = not largest or len(chosen) == largest
        largest = largest or len(chosen)
        intent = _intend(pair, own, price, terms)
        if intent is None or intent.key in intents:
            continue
        wants = is_offering and is_offered and _is_due(pair, own, price, terms)
        intents[intent.key] = intent._replace(is_offered=wants)
    return intents


def _find_sets(
    quotes: Quotes, is_enough: Callable[[Sequence[PublicKey]], bool]
) -> list[tuple[PublicKey, ...]]:
    """The largest first; those of one size by their keys."""
    keys = sorted(quotes)[:INSTANCES_MAX]
    sizes = range(len(keys), 0, -1)
    return [each for size in sizes for each in combinations(keys, size) if is_enough(each)]


def _is_due(pair: AssetPair, own: OwnQuote, price: Fraction, terms: Terms) -> bool:
    is_old = own.quoted_at_ms - pair.quoted_at_ms >= terms.refresh_ms
    return is_old or not is_within(price, read_current(pair), terms.move)


def _intend(pair: AssetPair, own: OwnQuote, ratio: Fraction, terms: Terms) -> Intent | None:
    """A jump beyond the step is never clamped: it is held until enough slots agree on it, and then
    goes the way of a governed change, where a policy may demand people."""
    price = Price(ratio.numerator, ratio.denominator)
    update = UpdatePrice(price, U64(pair.round + 1), U64(own.quoted_at_ms))
    body = ManageAssetPair(pair.base, pair.quote, update)
    named = (pair.base, pair.quote, pair.round + 1, own.quoted_at_ms, str(price.numerator))
    if not is_step_exceeded(pair, price):
        key = compute_evidence_key("rate", *named, str(price.denominator))
        return Intent(key, UPDATE, (body,))
    if own.steady < terms.rounds_to_jump:
        return None
    key = compute_evidence_key("rate-jump", *named, str(price.denominator))
    return Intent(key, GOVERNED, (CreateGovernedChangeRequest(body, 0),))


def is_jump(pair: AssetPair, ratio: Fraction) -> bool:
    """Whether the price lies beyond the pair's step."""
    return is_step_exceeded(pair, Price(ratio.numerator, ratio.denominator))


def read_current(pair: AssetPair) -> Fraction:
    """The price that the pair has, in ledger units; the ledger keeps no other than above 0."""
    return Fraction(pair.price.numerator, pair.price.denominator)
