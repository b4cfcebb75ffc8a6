"""Withdrawals in flight while all instances lose everything, at each of twelve points."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from schemas.generated.common import WalletKind
from schemas.generated.entries import TransferState
from tests.border.real_chains import RealChains
from tests.border.withdraw.world import BorderWorld
from tests.processors.psim.money.ledger import ASSETS
from tests.processors.psim.world import now

COUNT, PARTS = 20, 10
"""Withdrawals of a part; in all parts there are 200, over ten crashes at each point."""
STEPS = 200
AMOUNTS = {"BTC": 30_000, "ETH": 10**15, "USD": 10**6}


def run_over_crashes(chains: RealChains, count: int) -> None:
    """Raises AssertionError where one is paid twice, or never, or paid and given back."""
    world = BorderWorld(chains)
    world.begin()
    before = {asset: world.get_person(asset)[0] for asset in ASSETS}
    crashed: Counter[str] = Counter()

    def crash_at(label: str) -> None:
        if not crashed[label]:
            crashed[label] += 1
            for number in range(3):
                world.restart(number)

    world.label = crash_at
    for number in range(count):
        asset = ("BTC", "ETH", "BTC", "USD")[number % 4]
        world.ask(asset, AMOUNTS[asset] + number)
    for _ in range(STEPS):
        world.step()
        for label, is_reached in LABELS.items():
            if not crashed[label] and is_reached(world):
                crash_at(label)
        if not world.get_transfers() and not any(world.get_person(e)[1] for e in ASSETS):
            break
        world.mine()
    assert crashed == dict.fromkeys((*STEPS_OF_THE_WORLD, *LABELS), 1)
    check(world, before)


def check(world: BorderWorld, before: Mapping[str, int]) -> None:
    paid: Counter[str] = Counter()
    for each in world.asked:
        assert world.count_payouts(each) == 1, f"{each.asset} {each.amount}"
        paid[each.asset] += each.amount
    assert world.get_transfers() == []
    for asset, amount in before.items():
        assert world.get_person(asset) == (amount - paid[asset], 0)
    spent: dict[Any, set[bytes]] = {}
    for transaction_id, outpoints in world.chains.find_sent_coins():
        for outpoint in outpoints:
            spent.setdefault(outpoint, set()).add(transaction_id)
    assert all(len(each) == 1 for each in spent.values()), "two transactions spend one coin"


def find_signatures(world: BorderWorld) -> int:
    state = world.network.ledger.state
    return sum(type(state.get(key)).__name__ == "TransferSignature" for key in state.encoded)


def is_any(world: BorderWorld, is_true: Callable[[Any], bool]) -> bool:
    return any(is_true(each) for each in world.get_transfers())


def is_executed(world: BorderWorld, at: str) -> bool:
    """Whether the hot Safe has used a nonce, as of a block."""
    safe = world.find_safe(WalletKind.HOT)
    call = {"to": safe, "data": "0xaffed0e0"}  # nonce()
    answer = now(world.chains.safe_rpc.call("eth_call", call, at, answer=str))
    return int(answer, 16) > 0


STEPS_OF_THE_WORLD = ("looked", "derived", "agreed")
LABELS: Mapping[str, Callable[[BorderWorld], bool]] = {
    "committed": lambda world: bool(world.get_transfers()),
    "one signature": lambda world: find_signatures(world) >= 1,
    "enough signatures": lambda world: find_signatures(world) >= 2,
    "confirmed": lambda world: is_any(world, lambda each: bool(each.versions[0].confirmed)),
    "sent": lambda world: bool(world.chains.sent),
    "mined": lambda world: is_executed(world, "latest"),
    "final": lambda world: is_executed(world, "finalized"),
    "settled": lambda world: is_any(world, lambda each: each.state is TransferState.SETTLED),
    "closed": lambda world: bool(world.seen - {e.transfer_id for e in world.get_transfers()}),
}
"""The points that are seen from outside; with those inside of a step there are twelve."""


def test_twenty_withdrawals_over_a_crash_at_each_point(real_chains: RealChains) -> None:
    run_over_crashes(real_chains, COUNT)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(PARTS))
def test_crashes_campaign(real_chains: RealChains, part: int, pytestconfig: pytest.Config) -> None:
    if part < pytestconfig.getoption("--faults"):
        run_over_crashes(real_chains, COUNT)
