"""ManageAssetPair, case by case."""

from typing import Any

import pytest

from schemas.generated.common import Price
from schemas.generated.entries import AssetPair
from schemas.generated.ledger import EffectKind, PriceChange
from schemas.generated.operations import (
    CreateAssetPair,
    ManageAssetPair,
    ManageAssetPairCode,
    RemoveAssetPair,
    UpdatePairPolicies,
    UpdatePrice,
)
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, create_asset, make_economy

MINUTE_MS = 60_000
PERCENT = 1_000_000


def create_pair(
    network: Network,
    numerator: int = 3,
    denominator: int = 2,
    *,
    codes: tuple[str, str] = ("USD", "EUR"),
    age_ms: int = 0,
    max_age_ms: int = MINUTE_MS,
    step_max: int = PERCENT,
) -> ManageAssetPair:
    quoted_at_ms = network.ledger.header.close_time_ms - age_ms
    price = Price(numerator, denominator)
    return ManageAssetPair(*codes, CreateAssetPair(price, 7, quoted_at_ms, max_age_ms, step_max))


def update(
    network: Network, numerator: int, denominator: int, round_: int = 8, age_ms: int = 0
) -> ManageAssetPair:
    quoted_at_ms = network.ledger.header.close_time_ms - age_ms
    action = UpdatePrice(Price(numerator, denominator), round_, quoted_at_ms)
    return ManageAssetPair("USD", "EUR", action)


def make_usd(network: Network) -> None:
    network.apply("issuer", create_asset("USD"))


def make_pair(network: Network, **changes: Any) -> None:
    make_usd(network)
    network.apply("master", create_pair(network, **changes))


def make_and_remove_pair(network: Network) -> None:
    make_pair(network)
    network.apply("master", RemoveAssetPair("USD", "EUR"))


def get_pair(network: Network) -> AssetPair:
    pair = network.ledger.state.get_asset_pair("USD", "EUR")
    assert pair is not None
    return pair


def check_price(network: Network, _: OperationResult) -> None:
    assert get_pair(network).price == Price(303, 200)
    assert get_pair(network).round == 8


def check_policies(network: Network, _: OperationResult) -> None:
    assert (get_pair(network).max_age_ms, get_pair(network).step_max) == (5, 0)
    assert get_pair(network).price == Price(3, 2)


CASES = (
    Case(
        "a new pair",
        "master",
        create_pair,
        given=make_usd,
        changes=("AssetPair made",),
    ),
    Case(
        "a pair that there was before",
        "master",
        create_pair,
        given=make_and_remove_pair,
        changes=("AssetPair made",),
    ),
    Case(
        "a price just within the step upwards",
        "master",
        lambda n: update(n, 303, 200),
        given=make_pair,
        changes=("AssetPair changed",),
        check=check_price,
    ),
    Case(
        "a price just within the step downwards",
        "master",
        lambda n: update(n, 297, 200),
        given=make_pair,
        changes=("AssetPair changed",),
    ),
    Case(
        "a quote of a moment ahead of the ledger",
        "master",
        lambda n: update(n, 3, 2, age_ms=-6_000),
        given=make_pair,
        changes=("AssetPair changed",),
    ),
    Case(
        "other policies",
        "master",
        lambda _: ManageAssetPair("USD", "EUR", UpdatePairPolicies(5, 0)),
        given=make_pair,
        changes=("AssetPair changed",),
        check=check_policies,
    ),
    Case(
        "of no asset code",
        "master",
        lambda n: create_pair(n, codes=("USD", "")),
        ManageAssetPairCode.ASSET_NOT_FOUND,
        given=make_usd,
    ),
    Case(
        "an asset in itself",
        "master",
        lambda n: create_pair(n, codes=("EUR", "EUR")),
        ManageAssetPairCode.SAME_ASSET,
    ),
    Case(
        "a price of nothing",
        "master",
        lambda n: create_pair(n, numerator=0),
        ManageAssetPairCode.INVALID_PRICE,
        given=make_usd,
    ),
    Case(
        "a price without end",
        "master",
        lambda n: update(n, 1, 0),
        ManageAssetPairCode.INVALID_PRICE,
        given=make_pair,
    ),
    Case(
        "prices that are too old at once",
        "master",
        lambda n: create_pair(n, max_age_ms=0),
        ManageAssetPairCode.INVALID_MAX_AGE,
        given=make_usd,
    ),
    Case(
        "of no asset",
        "master",
        create_pair,
        ManageAssetPairCode.ASSET_NOT_FOUND,
    ),
    Case(
        "again",
        "master",
        create_pair,
        ManageAssetPairCode.ALREADY_EXISTS,
        given=make_pair,
    ),
    Case(
        "the reverse of a pair",
        "master",
        lambda n: create_pair(n, codes=("EUR", "USD")),
        ManageAssetPairCode.ALREADY_EXISTS,
        given=make_pair,
    ),
    Case(
        "a price of no pair",
        "master",
        lambda n: update(n, 3, 2),
        ManageAssetPairCode.NOT_FOUND,
    ),
    Case(
        "the same round again",
        "master",
        lambda n: update(n, 3, 2, round_=7),
        ManageAssetPairCode.ROUND_NOT_INCREASED,
        given=make_pair,
    ),
    Case(
        "a price of the future",
        "master",
        lambda n: update(n, 3, 2, age_ms=-6_001),
        ManageAssetPairCode.QUOTED_IN_FUTURE,
        given=make_pair,
    ),
    Case(
        "a new pair with a price of the future",
        "master",
        lambda n: create_pair(n, age_ms=-6_001),
        ManageAssetPairCode.QUOTED_IN_FUTURE,
        given=make_usd,
    ),
    Case(
        "a price older than the current one",
        "master",
        lambda n: update(n, 3, 2, age_ms=1_001),
        ManageAssetPairCode.QUOTED_BEFORE_CURRENT,
        given=make_pair,
    ),
    Case(
        "a price that is too old by now",
        "master",
        lambda n: update(n, 3, 2, age_ms=1),
        ManageAssetPairCode.PRICE_TOO_OLD,
        given=lambda n: make_pair(n, max_age_ms=1_000),
    ),
    Case(
        "a new pair with a price that is too old",
        "master",
        lambda n: create_pair(n, age_ms=MINUTE_MS),
        ManageAssetPairCode.PRICE_TOO_OLD,
        given=make_usd,
    ),
    Case(
        "a step beyond the pair's, upwards",
        "master",
        lambda n: update(n, 303_001, 200_000),
        ManageAssetPairCode.PRICE_STEP_EXCEEDED,
        given=make_pair,
    ),
    Case(
        "a step beyond the pair's, downwards",
        "master",
        lambda n: update(n, 296_999, 200_000),
        ManageAssetPairCode.PRICE_STEP_EXCEEDED,
        given=make_pair,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_asset_pair(case: Case) -> None:
    run_case(case)


def test_a_price_is_told() -> None:
    network = make_economy()
    make_pair(network)
    [applied] = network.apply("master", update(network, 3, 2)).applied
    [effect] = applied.effects
    assert effect.kind is EffectKind.PRICE_CHANGED
    assert effect.detail == PriceChange("USD", "EUR", Price(3, 2), 8)
