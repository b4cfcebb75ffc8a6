"""Deposits credited by three real processes that are killed again and again."""

import asyncio
import os
import random
import signal

import pytest

from infra.chains.bitcoin import CHAIN_ID as BITCOIN
from infra.chains.ethereum import CHAIN_ID as ETHEREUM
from infra.chains.purses import open_bitcoin, open_ethereum
from infra.local.launch import RunningDeployment
from infra.local.psim import PSIMS
from tests.integration.test_deposits import People, mine, wait_until

SHARE = 2
"""Kills for each unit of --faults."""
COINS, WEI = 10_000, 10**15


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
def test_every_deposit_is_credited_once_whoever_is_killed(
    people: People, border: RunningDeployment, pytestconfig: pytest.Config
) -> None:
    """Payments on both chains between kills; all of them are there in the end, and nothing else."""
    alice, chance = people.make_account(), random.Random(1)
    coins, ethers = people.take_address(alice, BITCOIN), people.take_address(alice, ETHEREUM)
    kills = SHARE * pytestconfig.getoption("--faults")

    async def pay(number: int) -> None:
        async with open_bitcoin(people.place) as bitcoin, open_ethereum(people.place) as ethereum:
            await bitcoin.pay([(coins, COINS + number)])
            await bitcoin.mine()
            await ethereum.pay(ethers, WEI + number)

    killed = 0
    for number in range(kills):
        asyncio.run(pay(number))
        mine(people.place, chance.randrange(1, 3))
        process_id = border.control.get_state(chance.choice(list(PSIMS))).process_id
        if process_id:  # 0 would be the whole group of this process
            os.kill(process_id, signal.SIGKILL)
            killed += 1
    mine(people.place, 3)
    extra = sum(range(kills))
    expected = {
        "BTC": f"{(COINS * kills + extra) / 10**8:.8f}",
        "ETH": f"{WEI * kills // 10**18}.{(WEI * kills + extra) % 10**18:018}",
    }
    assert wait_until(lambda: people.get_balances(alice) == expected, 600), people.ask(
        "psim1", "/status"
    )
    assert killed >= kills // 2
