"""Each provider's shape over HTTP, from the sandbox, which lies, lags, and answers nonsense."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from infra.local.ports import choose_port
from infra.sandbox.prices import Mode, Prices
from infra.sandbox.server import make_app
from processors.psim.rates import watch as watches
from processors.psim.rates.agreement import agree
from processors.psim.rates.numbers import NoPrice, make_price, read_percent, read_ratio
from processors.psim.rates.settings import (
    ProviderSettings,
    RatesSettings,
    SymbolSettings,
    read_pair,
)
from processors.psim.rates.watch import ProviderWatch
from schemas.generated.events import ProviderStand
from schemas.settings import ConfigError, Secret
from streams.private_port import make_server

PAIR = "BTC:USD"
SYMBOLS = {
    "poloniex": "BTC_USDT",
    "coinmarketcap": "BTC/USD",
    "kraken": "XBTUSD",
    "coinbase": "BTC-USD",
    "bitstamp": "btcusd",
    "json": "BTC-USD",
}
FRESH_MS, BAND = 30_000, read_percent("1")
JSON = {"path": "/price/{symbol}", "price": "data.0.value", "time": "data.0.at"}


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


@contextlib.asynccontextmanager
async def open_sandbox(folder: Path) -> AsyncIterator[str]:
    """Its URL."""
    address = f"127.0.0.1:{choose_port(())}"
    server = make_server(make_app(folder, "token", "key"), address)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://{address}"
    finally:
        server.should_exit = True
        await task


def make_watch(url: str, kind: Any, *, is_inverted: bool = False, **more: Any) -> ProviderWatch:
    symbol = "USD-BTC" if is_inverted else SYMBOLS[kind]
    settings = ProviderSettings(
        name=kind,
        kind=kind,
        url=f"{url}/rates/{kind}",
        pairs={PAIR: SymbolSettings(symbol=symbol, is_inverted=is_inverted)},
        key=Secret("k") if kind == "coinmarketcap" else None,
        period_s=0.05,
        **{"timeout_s": 20.0, **(JSON if kind == "json" else {}), **more},
    )
    return ProviderWatch(settings)


async def look(*asked: ProviderWatch) -> None:
    """Once each, by clients that are closed again."""
    tasks = [asyncio.create_task(each.run()) for each in asked]
    for each in asked:
        while not each.told and not each.problems:
            await asyncio.sleep(0.02)
    for task in tasks:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def test_every_shape_gives_the_price(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_sandbox(tmp_path) as url:
            asked = [make_watch(url, kind) for kind in SYMBOLS]
            await look(*asked)
            assert {each.name: each.told[PAIR].price for each in asked} == dict.fromkeys(
                SYMBOLS, Fraction(60_000)
            )
            times = {each.name: each.told[PAIR].time_ms is None for each in asked}
            assert [name for name, lacks in times.items() if lacks] == ["kraken"]

    run(work())


def test_what_is_quoted_the_other_way_round_is_inverted_exactly(tmp_path: Path) -> None:
    async def work() -> None:
        async with open_sandbox(tmp_path) as url:
            asked = make_watch(url, "json", is_inverted=True)
            await look(asked)
            assert asked.told[PAIR].price == 1 / Fraction("0.000016666667")

    run(work())


@pytest.mark.parametrize(
    ("mode", "stand"),
    [
        (Mode.LIES, ProviderStand.OUTSIDE),
        (Mode.SWAPPED, ProviderStand.OUTSIDE),
        (Mode.THOUSANDFOLD, ProviderStand.OUTSIDE),
        (Mode.LAGS, ProviderStand.STALE),
        (Mode.NAN, ProviderStand.SILENT),
        (Mode.HTML, ProviderStand.SILENT),
        (Mode.ERROR, ProviderStand.SILENT),
        (Mode.BUSY, ProviderStand.SILENT),
        (Mode.SLOW, ProviderStand.SILENT),
        (Mode.HUGE, ProviderStand.SILENT),
    ],
)
def test_who_misbehaves_is_left_out(tmp_path: Path, mode: Mode, stand: ProviderStand) -> None:
    async def work() -> None:
        Prices(tmp_path).set_mode("coinbase", mode)
        async with open_sandbox(tmp_path) as url:
            kinds = ("poloniex", "coinbase", "bitstamp")
            patience = {"coinbase": 0.5 if mode is Mode.SLOW else 20.0}
            asked = [make_watch(url, each, timeout_s=patience.get(each, 20.0)) for each in kinds]
            await look(*asked)
            told = [each.told[PAIR] for each in asked if each.told]
            now_ms = max(each.first_ms for each in told)
            found = agree(kinds, told, now_ms, FRESH_MS, BAND, 2)
            assert found.price == Fraction(60_000)
            assert found.stands["coinbase"] is stand

    run(work())


def test_a_clock_that_stands_still_is_stale_however_new_it_says_to_be(tmp_path: Path) -> None:
    async def work() -> None:
        Prices(tmp_path).set_mode("coinbase", Mode.FROZEN)
        async with open_sandbox(tmp_path) as url:
            asked = make_watch(url, "coinbase")
            await look(asked)
            first = asked.told[PAIR]
            await look(asked)
            assert asked.told[PAIR] == first
            later = agree(["coinbase"], [first], first.first_ms + FRESH_MS + 1, FRESH_MS, BAND, 1)
            assert later.stands["coinbase"] is ProviderStand.STALE

    run(work())


def test_who_fails_again_and_again_is_left_alone_and_tried_by_one_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "FAILURES_MAX", 3)

    async def work() -> None:
        now = 1_000.0
        Prices(tmp_path).set_mode("kraken", Mode.ERROR)
        async with open_sandbox(tmp_path) as url:
            settings = make_watch(url, "kraken")._settings
            asked = ProviderWatch(settings, lambda: now, rest_s=60)
            task = asyncio.create_task(asked.run())
            while not asked.is_resting:
                await asyncio.sleep(0.02)
            now += 61
            assert not asked.is_resting
            while not asked.is_resting:
                await asyncio.sleep(0.02)
            task.cancel()

    run(work())


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "0", "1e99", "0x10", "", "1" * 40])
def test_what_is_no_price(number: str) -> None:
    with pytest.raises(NoPrice):
        read_ratio(number)


def test_prices_are_of_smallest_units_and_exact() -> None:
    price = make_price(Fraction("60000.5"), 8, 6)
    assert (price.numerator, price.denominator) == (120_001, 200)
    with pytest.raises(NoPrice):
        make_price(Fraction(1, 10**40), 18, 0)


def test_percent_means_percent() -> None:
    assert read_percent("1") == 1_000_000
    assert read_percent("0.5") == 500_000
    for wrong in ("", "0", "-1", "101", "0.00000001", "NaN", "one"):
        with pytest.raises(ValueError, match="percentage"):
            read_percent(wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda: read_pair("BTC"),
        lambda: read_pair("BTC:BTC"),
        lambda: RatesSettings(pairs=(PAIR,), providers=()).check(),
        lambda: RatesSettings(pairs=(), providers=(), band_percent="150").get_terms(),
    ],
)
def test_settings_that_cannot_work_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigError):
        make()
