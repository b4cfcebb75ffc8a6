"""A corpus of what looks like a deposit and is none, and of deposits that do not look like one."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.launch import RunningDeployment
from schemas.generated.operations import BindExternalSystemAccountId
from tests.border.deposit import false_bitcoin, false_ethereum
from tests.border.deposit.world import BITCOIN, COIN, ETHEREUM, MINIMUM, UNIT, WEI, BorderWorld
from tests.border.real_chains import RealChains
from tests.processors.psim.world import create_own_asset, now, state_deposit

CONTROL = 12_345
KEPT = false_ethereum.AMOUNT * 9 // 10
"""What arrives of a token that keeps a tenth: it is parked."""
STEP_EVERY = 5
LISTED = ("EVL", "NOT", "FEE")
ASSETS = (COIN, WEI, UNIT, *LISTED)
FALSE, TRUE = "mallory", "alice"
"""Whom vectors pay to."""
CORPUS: tuple[tuple[str, str, Any], ...] = (
    *((BITCOIN, FALSE, each) for each in false_bitcoin.FALSE),
    *((BITCOIN, TRUE, each) for each in false_bitcoin.TRUE),
    *((ETHEREUM, FALSE, each) for each in false_ethereum.FALSE),
    *((ETHEREUM, TRUE, each) for each in false_ethereum.TRUE),
)


class Ground:
    """A world in which all vectors are tried, one after the other. Dave gets the controls."""

    def __init__(self, chains: RealChains) -> None:
        self.world = world = BorderWorld(chains)
        self.contracts = false_ethereum.Contracts(chains.ethereum)
        for code, token in self.contracts.listed.items():
            details = state_deposit(token, MINIMUM)
            world.network.apply("custody", create_own_asset(code, details))
        world.begin()
        self.addresses = {
            (name, chain): world.take_address(name, chain)
            for name in (FALSE, TRUE, "dave")
            for chain in (BITCOIN, ETHEREUM)
        }

    def get_place(self, name: str, chain: str) -> Any:
        address = self.addresses[name, chain]
        if chain == BITCOIN:
            return false_bitcoin.Place(self.world, address)
        return false_ethereum.Place(self.world, self.contracts, address)

    def pay_control(self, chain: str) -> None:
        chains, address = self.world.chains, self.addresses["dave", chain]
        if chain == BITCOIN:
            now(chains.bitcoin.pay([(address, CONTROL)]))
            now(chains.bitcoin.mine())
        else:
            now(chains.ethereum.pay(address, CONTROL))

    def count(self, name: str) -> int:
        return sum(self.world.get_amount(name, asset) for asset in ASSETS)


@pytest.fixture(scope="module")
def ground(chains: RunningDeployment) -> Iterator[Ground]:
    real = RealChains(chains)
    yield Ground(real)
    real.close()


@pytest.mark.faults
@pytest.mark.campaign
def test_nothing_false_is_credited_and_nothing_true_is_missed(ground: Ground) -> None:
    assert len(CORPUS) >= 45
    world, expected = ground.world, 0
    for number, (chain, name, make) in enumerate(CORPUS):
        expected += now(make(ground.get_place(name, chain)))
        ground.pay_control(chain)
        if number % STEP_EVERY == 0:
            world.step()
    world.confirm()
    world.wait_a_window()
    world.run(3)
    assert ground.count(FALSE) == 0
    assert ground.count(TRUE) == expected
    assert ground.count("dave") == CONTROL * len(CORPUS)
    for machine in world.machines:
        for watch in machine.watches:
            assert watch.get_status()["stuck"] == 0
    parked: list[Any] = [each.body for each in world.machines[0].view.pending.values()]
    assert [(each.asset, each.amount) for each in parked] == [("FEE", KEPT)]


def test_what_was_paid_before_somebody_took_the_address_is_his(ground: Ground) -> None:
    world = ground.world
    before = ground.count("bob")
    pools = {c: world.network.ledger.state.get_external_pool(c, 1) for c in (BITCOIN, ETHEREUM)}
    firsts: Any = {chain: pool and pool.first for chain, pool in pools.items()}
    now(world.chains.bitcoin.pay([(firsts[BITCOIN], CONTROL)]))
    now(world.chains.ethereum.pay(firsts[ETHEREUM], CONTROL))
    world.confirm()
    for chain in firsts:
        world.close(("bob", BindExternalSystemAccountId(chain)))
    world.run(3)
    assert ground.count("bob") - before >= 2 * CONTROL
