"""The demo's withdrawals: the funnel fills the hot wallets and sends the rest to the cold ones, Bob
withdraws on two test chains, and the coins arrive."""

import asyncio
import secrets
from typing import Any

from gateways.client import transactions as make
from gateways.client.horizon import HorizonClient
from gateways.client.submission import submit
from gateways.client.withdrawals import list_withdrawals, make_withdrawal
from infra.chains.bitcoin import CHAIN_ID as BITCOIN
from infra.chains.bitcoin import compute_address
from infra.chains.ethereum import CHAIN_ID as ETHEREUM
from infra.chains.purses import open_bitcoin, open_ethereum
from infra.demo.banking import earn
from infra.demo.people import Person
from infra.demo.reserves import prove_reserves
from infra.demo.steps import Steps
from infra.demo.target import Target
from infra.local.place import Place

AMOUNTS = {"BTC": "0.01000000", "ETH": "0.250000000000000000"}
SATOSHIS, WEI = 1_000_000, 25 * 10**16


def move_money(target: Target, people: tuple[Person, Person, Person], steps: Steps) -> None:
    """In and out: the first of them earns, the second withdraws, the third is the master. Raises
    DemoFailed."""
    payer, person, master = people
    earn(target, payer, master, steps)
    pay_out(target, payer, person, master, steps)
    prove_reserves(target, payer, steps)


def pay_out(target: Target, payer: Person, person: Person, master: Person, steps: Steps) -> None:
    """Where the demo can reach the test chains; what is paid out comes from `payer` first. The
    master may read all transfers. Raises DemoFailed."""
    if target.place is None:
        return
    with HorizonClient(target.gateways[0], payer.key) as client:
        for asset, amount in AMOUNTS.items():
            _pay(client, payer, person, asset, amount)
    with (
        HorizonClient(target.gateways[0], person.key) as client,
        HorizonClient(target.gateways[0], master.key) as reader,
    ):
        _Story(target.place, client, reader, person, steps).run()


def _pay(client: HorizonClient, payer: Person, person: Person, asset: str, amount: str) -> None:
    query = {"filter[account]": payer.address, "filter[asset]": asset}
    balance = next(client.walk("/v3/balances", query))["id"]
    digits = int(client.get_asset(asset)["trailing_digits"])
    payment = make.make_payment(balance, person.address, make.to_units(amount, digits))
    submit(client, payer.key, (payment,))


class _Story:
    def __init__(
        self,
        place: Place,
        client: HorizonClient,
        reader: HorizonClient,
        person: Person,
        steps: Steps,
    ) -> None:
        self._place = place
        self._client = client
        self._reader = reader
        self._person = person
        self._steps = steps

    def run(self) -> None:
        self._steps.tell("The funnel fills the hot wallets; the rest goes to the cold ones")
        self._steps.wait(lambda: self._is_done("SWEEP", 2), "both chains are swept")
        self._steps.say("what Alice paid in was swept on both chains, signed by two of three")
        self._steps.tell("Bob withdraws bitcoins and ether, and they arrive")
        to = {
            "BTC": compute_address(secrets.token_bytes(32)),
            "ETH": "0x" + secrets.token_hex(20),
        }
        for asset, amount in AMOUNTS.items():
            account, name = self._person.address, f"demo-{asset}"
            body = make_withdrawal(self._client, account, asset, amount, to[asset], name)
            submit(self._client, self._person.key, (body,))
        self._steps.wait(lambda: self._have_arrived(to), "the coins arrive")
        self._steps.say(f"{AMOUNTS['BTC']} BTC and {AMOUNTS['ETH']} ETH arrived at his addresses")
        self._steps.wait(self._is_paid, "both withdrawals are settled")
        self._steps.say("settled by what final blocks show: both are paid")

    def _is_done(self, purpose: str, chains: int) -> bool:
        """Mines, and looks at what was settled."""
        asyncio.run(self._mine())
        paid = {
            each["chain_id"]
            for chain in (BITCOIN, ETHEREUM)
            for each in self._walk(chain)
            if each["purpose"] == purpose and each["outcome"] == "PAID"
        }
        return len(paid) == chains

    def _walk(self, chain: str) -> list[Any]:
        found = self._reader.walk("/v3/transfers", {"filter[chain]": chain})
        return [each["attributes"]["entry"] for each in found]

    def _have_arrived(self, to: dict[str, str]) -> bool:
        return asyncio.run(self._look(to))

    async def _look(self, to: dict[str, str]) -> bool:
        async with open_bitcoin(self._place) as bitcoin, open_ethereum(self._place) as ethereum:
            await bitcoin.mine()
            coins: int = await bitcoin.get_received(to["BTC"])
            wei = await ethereum.get_balance(to["ETH"])
            return bool(coins == SATOSHIS and wei == WEI)

    def _is_paid(self) -> bool:
        asyncio.run(self._mine())
        mine = list_withdrawals(self._client, self._person.address)
        paid = [each for each in mine if each["asset"] in AMOUNTS and each["stand"] == "paid"]
        return len(paid) == len(AMOUNTS)

    async def _mine(self) -> None:
        async with open_bitcoin(self._place) as bitcoin, open_ethereum(self._place) as ethereum:
            await bitcoin.mine()
            await ethereum.mine()
