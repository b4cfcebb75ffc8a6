"""Withdrawals on real nodes of Bitcoin and Ethereum, paid by three real instances from what the
funnel swept."""

import asyncio
import secrets
from collections.abc import Iterator

import pytest
from nacl.signing import SigningKey

from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_address
from gateways.client.submission import submit
from gateways.client.withdrawals import list_withdrawals, make_withdrawal
from infra.chains.bitcoin import compute_address
from infra.chains.purses import open_bitcoin, open_ethereum
from infra.local.psim import PSIMS
from tests.border.rich import make_rich
from tests.integration.test_deposits import People, mine, wait_until
from tests.support.whole_deployment import WholeDeployment

pytestmark = pytest.mark.whole

AMOUNTS = {"BTC": "0.01000000", "ETH": "0.250000000000000000"}
SATOSHIS, WEI = 1_000_000, 25 * 10**16


@pytest.fixture(scope="module")
def people(whole_deployment: WholeDeployment) -> Iterator[People]:
    made = People(whole_deployment.running.place)
    with made.client:
        yield made


@pytest.fixture(scope="module")
def rich(people: People) -> SigningKey:
    return make_rich(people)


def test_coins_and_ether_arrive_and_are_settled(people: People, rich: SigningKey) -> None:
    to = {"BTC": compute_address(secrets.token_bytes(32)), "ETH": "0x" + secrets.token_hex(20)}
    before = people.get_balances(rich)
    with HorizonClient(people.url, rich) as client:
        address = get_address(rich)
        for asset, amount in AMOUNTS.items():
            name = secrets.token_hex(8)
            body = make_withdrawal(client, address, asset, amount, to[asset], name)
            submit(client, rich, (body,))

        def are_paid() -> bool:
            mine(people.place, 1)
            return [each["stand"] for each in list_withdrawals(client, address)] == ["paid"] * 2

        assert wait_until(are_paid), [people.ask(name, "/status") for name in PSIMS]

    async def look() -> tuple[int, int]:
        async with open_bitcoin(people.place) as bitcoin, open_ethereum(people.place) as ethereum:
            coins = await bitcoin.get_received(to["BTC"])
            return coins, await ethereum.get_balance(to["ETH"])

    assert asyncio.run(look()) == (SATOSHIS, WEI)
    assert people.get_balances(rich) != before
    for name in PSIMS:
        services = people.ask(name, "/status")["services"]
        assert all(each["disagreements"] == [] for each in services.values())


def test_an_address_of_another_network_is_refused_and_given_back(
    people: People, rich: SigningKey
) -> None:
    before = people.get_balances(rich)
    with HorizonClient(people.url, rich) as client:
        wrong = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
        address, name = get_address(rich), secrets.token_hex(8)
        body = make_withdrawal(client, address, "BTC", "0.001", wrong, name)
        submit(client, rich, (body,))

        def is_rejected() -> bool:
            return bool(list_withdrawals(client, address)[0]["stand"] == "rejected")

        assert wait_until(is_rejected), list_withdrawals(client, address)
    assert wait_until(lambda: people.get_balances(rich) == before)
