"""The history of rates, and candles of it."""

import pytest

from schemas.generated.common import Price
from schemas.generated.operations import CreateAssetPair, ManageAssetPair, UpdatePrice
from tests.gateways.support import Gateway
from tests.support.network import create_asset, make_issuer_role

PAIR = "BTC:TUSD"
PRICES = (60_000, 61_000, 59_000, 60_500)


@pytest.fixture(scope="module", autouse=True)
def history(gateway: Gateway) -> None:
    world = gateway.world
    world.apply("master", *make_issuer_role())
    world.apply("master", create_asset("BTC", digits=8), create_asset("TUSD", digits=6))
    for number, price in enumerate(PRICES, 1):
        ratio = Price(price, 100)  # of millionths for a hundred-millionth
        at_ms = world.network.ledger.header.close_time_ms
        action = (
            UpdatePrice(ratio, number, at_ms)
            if number > 1
            else CreateAssetPair(ratio, number, at_ms, 3_600_000, 50_000_000)
        )
        world.apply("master", ManageAssetPair("BTC", "TUSD", action))


def test_every_price_is_there_newest_first(gateway: Gateway) -> None:
    answer = gateway.stranger.get("/v3/rates", params={"filter[pair]": PAIR}).json()
    found = [each["attributes"] for each in answer["data"]]
    assert [each["price"] for each in found] == [str(each) for each in reversed(PRICES)]
    assert [each["round"] for each in found] == ["4", "3", "2", "1"]
    assert (found[0]["numerator"], found[0]["denominator"]) == ("60500", "100")
    none = gateway.stranger.get("/v3/rates", params={"filter[pair]": "TUSD:BTC"}).json()
    assert none["data"] == []


def test_a_candle_opens_and_closes_in_time_and_is_high_and_low_by_price(gateway: Gateway) -> None:
    answer = gateway.stranger.get(f"/v3/rates/{PAIR}/candles", params={"interval": "1d"})
    (candle,) = (each["attributes"] for each in answer.json()["data"])
    named = {name: candle[name] for name in ("count", "open", "high", "low", "close")}
    assert named == {
        "count": 4,
        "open": "60000",
        "high": "61000",
        "low": "59000",
        "close": "60500",
    }


def test_candles_need_an_interval_that_there_is(gateway: Gateway) -> None:
    for given in ({}, {"interval": "7s"}, {"interval": "1m", "limit": "0"}):
        assert gateway.stranger.get(f"/v3/rates/{PAIR}/candles", params=given).status_code == 400


def test_a_pair_without_prices_has_no_candles(gateway: Gateway) -> None:
    answer = gateway.stranger.get("/v3/rates/A:B/candles", params={"interval": "1m"})
    assert answer.json()["data"] == []
