"""The demo's deposits: Alice pays in on two test chains and is credited; what is reorganised away
before it is final is not."""

import asyncio
from pathlib import Path
from typing import Any

from gateways.client.deposits import take_address
from gateways.client.horizon import HorizonClient
from infra.chains.bitcoin import CHAIN_ID as BITCOIN
from infra.chains.ethereum import CHAIN_ID as ETHEREUM
from infra.chains.purses import open_bitcoin, open_ethereum
from infra.demo.people import Person
from infra.demo.steps import Steps
from infra.demo.target import Target
from infra.local.health import get_status
from infra.local.place import Place
from infra.local.psim import BITCOIN_CONFIRMATIONS

SATOSHIS, WEI = 5_000_000, 10**18
EXPECTED = {"BTC": "0.05000000", "ETH": "1.000000000000000000"}


def pay_in(target: Target, person: Person, steps: Steps) -> None:
    """Where the demo can reach the test chains. Raises DemoFailed."""
    if target.place is None:
        return
    steps.tell("Alice pays in bitcoins and ether; what is reorganised away is not credited")
    with HorizonClient(target.gateways[0], person.key) as client:
        addresses = {
            chain: take_address(client, person.key, chain)["address"]
            for chain in (BITCOIN, ETHEREUM)
        }
        for address in addresses.values():
            steps.say(f"her address {address}")
        _Story(target, target.place, client, person, steps, addresses).run()


class _Story:
    def __init__(
        self,
        target: Target,
        place: Place,
        client: HorizonClient,
        person: Person,
        steps: Steps,
        addresses: dict[str, str],
    ) -> None:
        self._psim = target.endpoints["psim"]
        self._place = place
        self._client = client
        self._person = person
        self._steps = steps
        self._addresses = addresses

    def run(self) -> None:
        asyncio.run(self._pay_coins())
        self._steps.wait(lambda: self._count_pending() == 1, "her payment is pending")
        asyncio.run(self._go_back())
        self._steps.wait(lambda: self._count_pending() == 0, "it is gone")
        self._steps.say("a payment was seen and reorganised away: nothing is pending or credited")
        asyncio.run(self._pay_both())
        self._steps.wait(lambda: self._count_pending() == 2, "both payments are pending")
        self._steps.say("two payments are pending, not final yet")
        asyncio.run(self._confirm())
        self._steps.wait(lambda: self._get_balances() == EXPECTED, "both are credited")
        told = ", ".join(f"{amount} {asset}" for asset, amount in EXPECTED.items())
        self._steps.say(f"final, signed by two of three instances, credited: {told}")

    async def _pay_coins(self) -> None:
        async with open_bitcoin(self._place) as bitcoin:
            await bitcoin.pay([(self._addresses[BITCOIN], SATOSHIS)])
            await bitcoin.mine()

    async def _go_back(self) -> None:
        async with open_bitcoin(self._place) as bitcoin:
            await bitcoin.reorganise(1, is_dropping=True)

    async def _pay_both(self) -> None:
        await self._pay_coins()
        async with open_ethereum(self._place) as ethereum:
            await ethereum.pay(self._addresses[ETHEREUM], WEI)

    async def _confirm(self) -> None:
        async with open_bitcoin(self._place) as bitcoin, open_ethereum(self._place) as ethereum:
            await bitcoin.mine(BITCOIN_CONFIRMATIONS)
            await ethereum.mine(BITCOIN_CONFIRMATIONS)

    def _count_pending(self) -> int:
        token = Path(self._psim["token_file"]).read_text().strip()
        at = self._psim["urls"]["psim1"].removeprefix("http://")
        answer: Any = get_status(at, "/deposits", token) or {"deposits": []}
        mine = [e for e in answer["deposits"] if e["address"] in self._addresses.values()]
        return sum(each["stand"] == "pending" for each in mine)

    def _get_balances(self) -> dict[str, str]:
        query = {"filter[account]": self._person.address}
        rows = (each["attributes"] for each in self._client.walk("/v3/balances", query))
        return {each["asset"]: each["available"] for each in rows if each["asset"] in EXPECTED}
