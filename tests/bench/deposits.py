"""How fast three instances of PSIM credit deposits, once they are final: on real nodes of Bitcoin
and Ethereum, with one core node, until Horizon shows the balance."""

import asyncio
import time
from collections.abc import Callable

from nacl.signing import SigningKey

from gateways.client.errors import ProblemError
from infra.chains.bitcoin import CHAIN_ID
from infra.chains.purses import open_bitcoin
from infra.local.place import Place
from infra.local.psim import BITCOIN_CONFIRMATIONS
from tests.bench.figures import Calibration, Figure
from tests.integration.test_deposits import People
from tests.support.deployments import BORDER, make_border_table, start_deployment

SATOSHIS = 10_000
AT_ONCE, OUTPUTS = 2_000, 500
PER_S, SECONDS = 20, 30
WAIT_S = 900.0


def measure_deposits(calibration: Calibration) -> list[Figure]:
    """`deposits_per_s`: of many that are final at the same moment; `deposit_credit_p99_s`: after a
    deposit's block is final, at 20 deposits a second, in the order in which both happen."""
    with start_deployment(make_border_table(), BORDER) as running:
        people = People(running.place)
        with people.client:
            key = people.make_account()
            address = take_address(people, key)
            pay(running.place, address, [1])
            wait_for(people, key, 1)
            per_s = measure_rate(people, key, address)
            latency_s = measure_latency(people, key, address)
    return [
        calibration.judge_rate("deposits_per_s", per_s, "deposits/s"),
        Figure("deposit_credit_p99_s", latency_s, "s", "bar", latency_s / 5),
    ]


def take_address(people: People, key: SigningKey) -> str:
    """Once the instances have filled the pool."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return people.take_address(key, CHAIN_ID)
        except ProblemError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def pay(place: Place, address: str, counts: list[int]) -> None:
    """Transactions with so many deposits each, and as many blocks as make them final."""

    async def work() -> None:
        async with open_bitcoin(place) as chain:
            for count in counts:
                await chain.pay([(address, SATOSHIS)] * count)
            await chain.mine(BITCOIN_CONFIRMATIONS)

    asyncio.run(work())


def count_credits(people: People, key: SigningKey) -> int:
    found = people.get_balances(key).get("BTC", "0")
    return round(float(found) * 10**8) // SATOSHIS


def wait_for(
    people: People, key: SigningKey, count: int, note: Callable[[int], None] = lambda _: None
) -> None:
    deadline = time.monotonic() + WAIT_S
    while (found := count_credits(people, key)) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{found} of {count} deposits are credited")
        note(found)
        time.sleep(0.05)
    note(count)


def measure_rate(people: People, key: SigningKey, address: str) -> float:
    before = count_credits(people, key)
    pay(people.place, address, [OUTPUTS] * (AT_ONCE // OUTPUTS))
    began = time.monotonic()
    wait_for(people, key, before + AT_ONCE)
    return AT_ONCE / (time.monotonic() - began)


def measure_latency(people: People, key: SigningKey, address: str) -> float:
    before = count_credits(people, key)
    final_at: list[float] = []
    credited_at: list[float] = []

    async def work() -> None:
        async with open_bitcoin(people.place) as chain:
            for number in range(SECONDS + BITCOIN_CONFIRMATIONS - 1):
                next_at = time.monotonic() + 1.0
                if number < SECONDS:
                    await chain.pay([(address, SATOSHIS)] * PER_S)
                await chain.mine()
                if number >= BITCOIN_CONFIRMATIONS - 1:
                    final_at.extend([time.monotonic()] * PER_S)
                await asyncio.sleep(max(next_at - time.monotonic(), 0))

    def note(found: int) -> None:
        credited_at.extend([time.monotonic()] * (found - before - len(credited_at)))

    async def measure() -> None:
        paying = asyncio.create_task(work())
        count = before + PER_S * SECONDS
        await asyncio.to_thread(wait_for, people, key, count, note)
        await paying

    asyncio.run(measure())
    waited = sorted(end - start for start, end in zip(final_at, credited_at, strict=True))
    return waited[len(waited) * 99 // 100]
