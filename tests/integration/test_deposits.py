"""Deposits from real nodes of Bitcoin and Ethereum, credited by three real instances."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from nacl.signing import SigningKey

from gateways.client import deposits
from gateways.client import transactions as make
from gateways.client.errors import ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import generate_key, get_account_id, get_address, read_seed
from gateways.client.platform.live import read_live
from gateways.client.submission import submit
from infra.chains.bitcoin import CHAIN_ID as BITCOIN
from infra.chains.ethereum import CHAIN_ID as ETHEREUM
from infra.chains.purses import open_bitcoin, open_ethereum
from infra.local.health import get_status
from infra.local.place import Place
from infra.local.psim import BITCOIN_CONFIRMATIONS, PSIMS, get_token_file
from schemas.generated.operations import CreateChangeRoleRequest
from tests.support.whole_deployment import WholeDeployment

pytestmark = pytest.mark.whole

WAIT_S = 90.0
COIN, ETHER = 50_000, 10**18
FINAL = 3


class People:
    """Somebody new with addresses on both chains, and what is asked of the network."""

    def __init__(self, place: Place) -> None:
        self.place = place
        endpoints = json.loads(place.folder.endpoints_file.read_text())
        self.url = endpoints["horizon"][0]
        self.psim = endpoints["psim"]
        self.master = read_seed(Path(endpoints["master_seed_file"]).read_text().strip())
        self.client = HorizonClient(self.url, self.master)

    def submit(self, key: SigningKey, *bodies: Any) -> Any:
        return submit(self.client, key, bodies)

    def make_account(self) -> SigningKey:
        key = generate_key()
        self.submit(self.master, make.make_create_account(get_account_id(key)))
        return key

    def take_address(self, key: SigningKey, chain_id: str) -> str:
        """Waits for the pool of a network that has just started."""
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                with HorizonClient(self.url, key) as client:
                    return str(deposits.take_address(client, key, chain_id)["address"])
            except ProblemError as error:
                if "NO_AVAILABLE_ID" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def get_balances(self, key: SigningKey) -> dict[str, str]:
        query = {"filter[account]": get_address(key)}
        rows = (each["attributes"] for each in self.client.walk("/v3/balances", query))
        return {each["asset"]: each["available"] for each in rows if each["available"] != "0"}

    def ask(self, name: str, path: str) -> Any:
        token = get_token_file(self.place).read_text().strip()
        return get_status(self.psim["urls"][name].removeprefix("http://"), path, token)

    def list_deposits(self, name: str) -> list[Any]:
        answer = self.ask(name, "/deposits")
        return [] if answer is None else list(answer["deposits"])


@pytest.fixture(scope="module")
def people(whole_deployment: WholeDeployment) -> Iterator[People]:
    made = People(whole_deployment.running.place)
    with made.client:
        yield made


def wait_until(is_true: Callable[[], Any], seconds: float = WAIT_S) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_true():
            return True
        time.sleep(0.3)
    return False


def mine(place: Place, blocks: int) -> None:
    async def work() -> None:
        async with open_bitcoin(place) as bitcoin, open_ethereum(place) as ethereum:
            await bitcoin.mine(blocks)
            await ethereum.mine(blocks)

    asyncio.run(work())


def pay(place: Place, coins: str, ethers: str) -> None:
    """To one address on each chain; neither is final then."""

    async def work() -> None:
        async with open_bitcoin(place) as bitcoin, open_ethereum(place) as ethereum:
            await bitcoin.pay([(coins, COIN)])
            await bitcoin.mine()
            await ethereum.pay(ethers, ETHER)

    asyncio.run(work())


def test_a_deposit_is_pending_then_credited_on_both_chains(people: People) -> None:
    alice = people.make_account()
    coins, ethers = people.take_address(alice, BITCOIN), people.take_address(alice, ETHEREUM)
    pay(people.place, coins, ethers)

    def is_pending() -> bool:
        shown = people.list_deposits("psim1")
        return {e["address"] for e in shown if e["stand"] == "pending"} >= {coins, ethers}

    assert wait_until(is_pending), people.list_deposits("psim1")
    assert people.get_balances(alice) == {}
    mine(people.place, BITCOIN_CONFIRMATIONS)
    expected = {"BTC": "0.00050000", "ETH": "1.000000000000000000"}
    assert wait_until(lambda: people.get_balances(alice) == expected), people.get_balances(alice)
    for name in PSIMS:
        status = people.ask(name, "/status")
        (service,) = (e for n, e in status["services"].items() if n.startswith("deposit."))
        assert service["disagreements"] == []
        assert {each["chain"] for each in service["chains"]} >= {BITCOIN, ETHEREUM}


def test_what_is_reorganised_away_before_it_is_final_is_not_credited(people: People) -> None:
    bob = people.make_account()
    coins, ethers = people.take_address(bob, BITCOIN), people.take_address(bob, ETHEREUM)
    pay(people.place, coins, ethers)

    async def go_back() -> None:
        async with open_bitcoin(people.place) as bitcoin, open_ethereum(people.place) as ethereum:
            await bitcoin.reorganise(1, is_dropping=True)
            await ethereum.reorganise(1)

    asyncio.run(go_back())
    mine(people.place, BITCOIN_CONFIRMATIONS + 1)
    carol = people.make_account()
    coins = people.take_address(carol, BITCOIN)
    pay(people.place, coins, people.take_address(carol, ETHEREUM))
    mine(people.place, BITCOIN_CONFIRMATIONS)
    assert wait_until(lambda: len(people.get_balances(carol)) == 2)
    assert people.get_balances(bob) == {}


def test_an_instance_that_is_killed_is_not_missed_and_comes_back(
    people: People, whole_deployment: WholeDeployment
) -> None:
    dave = people.make_account()
    coins, ethers = people.take_address(dave, BITCOIN), people.take_address(dave, ETHEREUM)
    pay(people.place, coins, ethers)
    control = whole_deployment.running.control
    before = control.get_state("psim2").process_id
    os.kill(before, signal.SIGKILL)
    mine(people.place, BITCOIN_CONFIRMATIONS)
    expected = {"BTC": "0.00050000", "ETH": "1.000000000000000000"}
    assert wait_until(lambda: people.get_balances(dave) == expected), people.get_balances(dave)

    def is_level() -> bool:
        status = people.ask("psim2", "/status")
        if status is None or control.get_state("psim2").process_id == before:
            return False
        mine = [e for n, e in status["services"].items() if n.startswith("deposit.")]
        chains = [chain for each in mine for chain in each["chains"]]
        return bool(chains) and all(each["lag"] == each["open"] == 0 for each in chains)

    assert wait_until(is_level), people.ask("psim2", "/status")
    mine(people.place, 2)
    assert people.get_balances(dave) == expected


def test_what_cannot_be_credited_is_parked_and_assigned(people: People) -> None:
    erin, frank = people.make_account(), people.make_account()
    ethers = people.take_address(erin, ETHEREUM)
    live = read_live(people.client)
    role_id = int(str(live.accounts.get_role_id("custody")))  # which receives nothing
    people.submit(people.master, CreateChangeRoleRequest(0, get_account_id(erin), role_id, None, 0))

    async def work() -> None:
        async with open_ethereum(people.place) as ethereum:
            await ethereum.pay(ethers, ETHER)
            await ethereum.mine(FINAL)

    asyncio.run(work())

    def find() -> list[deposits.Parked]:
        found = deposits.find_parked(people.client)
        return [each for each in found if each.details["address"] == ethers]

    assert wait_until(find), people.list_deposits("psim1")
    (parked,) = find()
    assert (parked.asset, parked.amount) == ("ETH", "1.000000000000000000")
    assert parked.details["parked"] == "COUNTERPARTY_NOT_ALLOWED"
    assert people.get_balances(erin) == {}
    decision = deposits.make_assignment(people.client, parked.request, get_address(frank))
    deposits.submit_decision(people.client, people.master, decision)
    expected = {"ETH": "1.000000000000000000"}
    assert wait_until(lambda: people.get_balances(frank) == expected)
    assert find() == []


def test_an_instance_listens_on_its_private_port_alone(
    people: People, whole_deployment: WholeDeployment
) -> None:
    for name in PSIMS:
        process = psutil.Process(whole_deployment.running.control.get_state(name).process_id)
        listening = {
            f"{each.laddr.ip}:{each.laddr.port}"
            for one in (process, *process.children(recursive=True))
            for each in one.net_connections("inet")
            if each.status == psutil.CONN_LISTEN
        }
        assert listening == {people.place.get_address(f"{name}.http")}
        assert get_status(people.place.get_address(f"{name}.http"), "/status", "wrong") is None
