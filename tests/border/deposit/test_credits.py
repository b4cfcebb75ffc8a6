"""Every deposit is credited once, however often it is offered, by whom, and whatever was lost."""

from collections import Counter

import pytest

from processors.psim.chains.calls import encode_call
from schemas.generated.operations import CreateIssuanceRequest
from schemas.generated.transactions import TransactionCode
from tests.border.deposit.world import BITCOIN, COIN, ETHEREUM, PEOPLE, UNIT, WEI, BorderWorld
from tests.border.real_chains import RealChains
from tests.processors.psim.world import now

OFFERS = 10
SHARE = 100
"""Deposits for each unit of --faults."""
OUTPUTS, TRANSACTIONS = 50, 25
"""Of a transaction of Bitcoin, and of a block of Ethereum."""


@pytest.mark.faults
def test_every_deposit_is_credited_once(
    real_chains: RealChains, pytestconfig: pytest.Config
) -> None:
    """Ten times each, by three instances that know no credit of it."""
    count = SHARE * pytestconfig.getoption("--faults")
    world = BorderWorld(real_chains)
    world.begin()
    expected = pay(world, count)
    before = world.network.ledger.header.sequence
    world.confirm(steps=1)
    for _ in range(OFFERS - 1):
        world.wait_a_window()
        for machine in world.machines:
            machine.until = before
            machine.start()
        world.step()
    found = {
        (name, asset): world.get_amount(name, asset)
        for name in PEOPLE
        for asset in (COIN, WEI, UNIT)
    }
    assert found == {each: expected[each] for each in found}
    check_results(world, count)


def pay(world: BorderWorld, count: int) -> Counter[tuple[str, str]]:
    """Half of them in coins, the others in ether and in a token; what everybody is paid."""
    chains, paid = world.chains, Counter[tuple[str, str]]()
    coins = [world.take_address(each, BITCOIN) for each in PEOPLE]
    ethers = [world.take_address(each, ETHEREUM) for each in PEOPLE]
    half, turn = count // 2, len(PEOPLE)
    for first in range(0, half, OUTPUTS):
        numbers = range(first, min(first + OUTPUTS, half))
        now(chains.bitcoin.pay([(coins[n % turn], 10_000 + n) for n in numbers]))
        now(chains.bitcoin.mine())
        paid.update({(PEOPLE[n % turn], COIN): 0 for n in numbers})
        for n in numbers:
            paid[PEOPLE[n % turn], COIN] += 10_000 + n
    purse = now(chains.ethereum.get_purse())
    now(
        chains.ethereum.send(
            purse, chains.token, encode_call("mint(address,uint256)", purse, 10**18)
        )
    )
    for first in range(half, count, TRANSACTIONS):
        requests = []
        for n in range(first, min(first + TRANSACTIONS, count)):
            to, amount = ethers[n % turn], 10**12 + n
            data = encode_call("transfer(address,uint256)", to, amount)
            is_token = n // turn % 2 == 0
            requests.append(
                (purse, chains.token, data, 0) if is_token else (purse, to, b"", amount)
            )
            paid[PEOPLE[n % turn], UNIT if is_token else WEI] += amount
        now(chains.ethereum.send_together(requests))
    return paid


def check_results(world: BorderWorld, count: int) -> None:
    """The ledger took each credit once, and refused it, alone or with others, at each offer."""
    counted: Counter[str] = Counter()
    for closed in world.network.closed:
        for applied in closed.applied:
            for each in applied.candidate.transaction.operations:
                if isinstance(each.body, CreateIssuanceRequest):
                    counted[applied.result.code.name] += 1
    assert counted.pop(TransactionCode.SUCCESS.name) == count
    assert counted.pop(TransactionCode.FAILED.name) >= count * (OFFERS - 1)
    assert not counted
