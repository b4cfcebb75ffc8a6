"""The real services over HTTP: three instances, each with its own clients, and the sandbox's five
providers, of which up to two misbehave. Nothing is published outside the band around the truth."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from infra.local.ports import choose_port
from infra.sandbox.prices import Mode, Prices
from processors.psim.rates.settings import ProviderSettings, RatesSettings, SymbolSettings
from streams.private_port import make_server
from tests.processors.psim.rates.world import BAND, PAIR, TRUTH, World, make_settings

SCENARIOS = 1_000
QUICK = SCENARIOS // 10
SYMBOLS = {
    "poloniex": "ETH_USDT",
    "coinmarketcap": "ETH/USD",
    "kraken": "ETHUSD",
    "coinbase": "ETH-USD",
    "bitstamp": "ethusd",
}
MODES = tuple(each for each in Mode if each not in (Mode.WELL, Mode.SLOW))


def make_real_settings(url: str) -> RatesSettings:
    providers = tuple(
        ProviderSettings(
            name=name,
            kind=name,  # type: ignore[arg-type]
            url=f"{url}/rates/{name}",
            pairs={PAIR: SymbolSettings(symbol=symbol)},
            timeout_s=20.0,
        )
        for name, symbol in SYMBOLS.items()
    )
    plain = make_settings()
    return RatesSettings(
        pairs=plain.pairs,
        providers=providers,
        providers_to_agree=3,
        slot_s=plain.slot_s,
        fresh_s=plain.fresh_s,
        move_percent=plain.move_percent,
        refresh_s=plain.refresh_s,
        rounds_to_jump=plain.rounds_to_jump,
    )


@contextlib.asynccontextmanager
async def open_providers(prices: Prices) -> AsyncIterator[str]:
    address = f"127.0.0.1:{choose_port(())}"
    server = make_server(Starlette(routes=prices.make_routes()), address)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://{address}"
    finally:
        server.should_exit = True
        await task


async def run_scenarios(folder: Path, count: int, seed: int) -> int:
    """How many prices were published."""
    chance, clock = random.Random(seed), [0.0]
    prices = Prices(folder, lambda: clock[0])
    truth, published = Fraction(TRUTH), 0
    async with open_providers(prices) as url, httpx2.AsyncClient(trust_env=False) as client:
        world = World(seed, settings=make_real_settings(url))
        world.set_first()
        watches = [watch for machine in world.machines for watch in machine.service.watches]
        for watch in watches:
            watch._client, watch._rest_s = client, 0.0
        for machine in world.machines:
            machine.follow()
        for _ in range(count):
            clock[0] = world.get_time()
            truth = Fraction(int(truth + truth * chance.randrange(-30, 31) / 10_000))
            prices.set_price("ETHUSD", str(int(truth)))
            wrong = chance.sample(sorted(SYMBOLS), chance.randrange(3))
            for name in SYMBOLS:
                prices.set_mode(name, chance.choice(MODES) if name in wrong else Mode.WELL)
            await asyncio.gather(*(watch.look() for watch in watches))
            before = world.get_pair().round
            world.run_slot()
            if world.get_pair().round > before:
                published += 1
                assert abs(world.get_price() - truth) <= BAND * truth, f"{wrong}: {truth}"
    return published


def test_scenarios_on_real_services(tmp_path: Path) -> None:
    assert asyncio.run(run_scenarios(tmp_path, QUICK // 2, 1)) > QUICK // 4


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(3_000)
def test_scenarios_on_real_services_campaign(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    count = QUICK * pytestconfig.getoption("--faults")
    assert asyncio.run(run_scenarios(tmp_path, count, 2)) > count // 2
