"""Withdrawals by three real processes that are killed while they are on their way."""

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from nacl.signing import SigningKey

from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_address
from gateways.client.submission import submit
from gateways.client.withdrawals import list_withdrawals, make_withdrawal
from infra.chains.bitcoin import compute_address
from infra.chains.purses import open_bitcoin, open_ethereum
from infra.local.launch import RunningDeployment
from infra.local.psim import PSIMS
from processors.psim.chains.source import ChainUnavailable
from tests.border.rich import make_rich
from tests.integration.test_deposits import People, mine, wait_until


@pytest.fixture(scope="module")
def rich(people: People) -> SigningKey:
    return make_rich(people)


LABELS = (
    *("asked", "derived", "told", "committed", "one signature", "enough signatures"),
    *("confirmed", "mined", "final", "first settled", "all settled", "closed"),
)


def find_reached(people: People, since: int, asked_at: float) -> set[str]:
    """Of the twelve points at which an instance may die, those that transfers have come to."""
    passed = time.monotonic() - asked_at
    reached = {n for n, s in (("asked", 0), ("derived", 0.3), ("told", 0.8)) if passed >= s}
    found = [each for each in people.client.walk("/v3/transfers") if int(each["id"]) > since]
    mine = [e["attributes"] for e in found if e["attributes"]["entry"]["purpose"] == "WITHDRAW"]
    states = [each["entry"]["state"] for each in mine]
    reached |= {"committed"} if mine else set()
    open_ = [each["id"] for each in found if each["attributes"]["entry"]["state"] == "COMMITTED"]
    details = (people.client.get(f"/v3/transfers/{each}")["data"] for each in open_[:3])
    signed = [len(each["attributes"]["signatures"]) for each in details]
    reached |= {"one signature"} if any(signed) else set()
    reached |= {"enough signatures"} if any(each > 1 for each in signed) else set()
    if any(each["entry"]["versions"][-1]["confirmed"] for each in mine):
        reached |= {"one signature", "enough signatures", "confirmed"}
    answers = (people.ask(name, "/status") for name in PSIMS)
    shown: Any = next(filter(None, answers), {"services": {}})
    stands = {
        each["stand"]
        for name, service in shown["services"].items()
        for chain in (service["chains"] if name.startswith("withdraw.") else ())
        for each in chain["transfers"]
    }
    reached |= {"mined"} if stands & {"mined", "settled"} else set()
    if "SETTLED" in states:
        reached |= {"final", "first settled"}
    if mine and set(states) == {"SETTLED"}:
        reached |= {"all settled", "closed"}
    return reached


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(2))
def test_twenty_withdrawals_over_kills_at_each_point(
    people: People, rich: SigningKey, border: RunningDeployment, part: int
) -> None:
    """Twelve kills each time: each is paid once by the chain, and settled."""

    def kill(number: int) -> None:
        name = tuple(PSIMS)[(number + part) % len(PSIMS)]
        process_id = border.control.get_state(name).process_id
        if process_id:  # 0 would be the whole group of this process
            os.kill(process_id, signal.SIGKILL)

    pay_twenty(people, rich, kill)


def pay_twenty(people: People, rich: SigningKey, kill: Callable[[int], None]) -> None:
    since = max([int(each["id"]) for each in people.client.walk("/v3/transfers")], default=0)
    address = get_address(rich)
    asked = {}
    with HorizonClient(people.url, rich) as client:
        before = {each["request"] for each in list_withdrawals(client, address)}
        for number in range(20):
            asset = ("BTC", "ETH")[number % 2]
            amount = ("0.00010000", "0.001000000000000000")[number % 2]
            to = compute_address(secrets.token_bytes(32))
            to = to if asset == "BTC" else "0x" + secrets.token_hex(20)
            asked[to] = asset
            name = secrets.token_hex(8)
            body = make_withdrawal(client, address, asset, amount, to, name)
            submit(client, rich, (body,))
        asked_at, reached = time.monotonic(), set()
        killed = 0

        def are_paid() -> bool:
            nonlocal killed
            for label in LABELS:
                if label not in reached and label in find_reached(people, since, asked_at):
                    reached.add(label)
                    kill(killed)
                    killed += 1
            with contextlib.suppress(ChainUnavailable):  # a node that is slow for once
                mine(people.place, 1)
            shown = list_withdrawals(client, address)
            mine_now = [e["stand"] for e in shown if e["request"] not in before]
            return mine_now == ["paid"] * 20 and len(reached) == len(LABELS)

        assert wait_until(are_paid, 900), (reached, list_withdrawals(client, address))

    async def look() -> list[int]:
        async with open_bitcoin(people.place) as bitcoin, open_ethereum(people.place) as ethereum:
            return [
                await (bitcoin.get_received(to) if a == "BTC" else ethereum.get_balance(to))
                for to, a in asked.items()
            ]

    mine(people.place, 4)
    assert asyncio.run(look()) == [10_000, 10**15] * 10
