"""Somebody who paid in on both chains of a running deployment, and whose coins were swept."""

import asyncio
from typing import Any

from nacl.signing import SigningKey

from infra.chains.bitcoin import CHAIN_ID as BITCOIN
from infra.chains.ethereum import CHAIN_ID as ETHEREUM
from infra.chains.purses import open_bitcoin, open_ethereum
from infra.local.psim import PSIMS
from tests.integration.test_deposits import People, mine, wait_until

DEPOSIT, ETHER = 5_000_000, 10**18


def make_rich(people: People) -> SigningKey:
    key = people.make_account()
    coins, ethers = people.take_address(key, BITCOIN), people.take_address(key, ETHEREUM)

    async def pay() -> None:
        async with open_bitcoin(people.place) as bitcoin, open_ethereum(people.place) as ethereum:
            await bitcoin.pay([(coins, DEPOSIT)])
            await bitcoin.mine()
            await ethereum.pay(ethers, ETHER)

    asyncio.run(pay())
    mine(people.place, 3)
    assert wait_until(lambda: len(people.get_balances(key)) == 2, 180)

    def is_swept() -> bool:
        mine(people.place, 1)
        return {e["chain_id"] for e in find_settled(people, "SWEEP")} == {BITCOIN, ETHEREUM}

    assert wait_until(is_swept, 180), [people.ask(name, "/status") for name in PSIMS]
    return key


def find_settled(people: People, purpose: str) -> list[Any]:
    entries = (each["attributes"]["entry"] for each in people.client.walk("/v3/transfers"))
    return [e for e in entries if e["purpose"] == purpose and e["outcome"] == "PAID"]
