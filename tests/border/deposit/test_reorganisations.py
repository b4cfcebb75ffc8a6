"""Real blocks that are replaced: credited is what the final chain has, and a final block that is
replaced halts its chain until people let it go on."""

from collections import Counter
from typing import Any

import pytest

from schemas.generated.operations import CheckpointChain, ResumeChain
from tests.border.deposit.world import BITCOIN, COIN, ETHEREUM, MINIMUM, PEOPLE, WEI, BorderWorld
from tests.border.real_chains import CHAIN_IDS, CONFIRMATIONS, RealChains
from tests.processors.psim.world import now
from tests.support.requests import govern

SHARE = 2
"""Schedules of each of five parts, for each unit of --faults."""
DEEP_EVERY = 5
ASSETS = {BITCOIN: COIN, ETHEREUM: WEI}


class Schedule:
    """Some payments on both chains, and reorganisations between them. `lost`: what was credited
    and is in no block any more, since a final one was replaced."""

    def __init__(self, world: BorderWorld) -> None:
        self.world = world
        self.random = world.random
        self.addresses = {
            (name, chain): world.take_address(name, chain) for name in PEOPLE for chain in CHAIN_IDS
        }
        self.lost: Counter[tuple[str, str]] = Counter()

    def run(self, *, is_deep: bool) -> None:
        world = self.world
        for _ in range(self.random.randrange(1, 4)):
            self._pay()
            if self.random.randrange(2):
                world.run(1)
            if self.random.randrange(3) == 0:
                world.restart(self.random.randrange(3))
            self._replace(self.random.randrange(1, CONFIRMATIONS))
        self._settle()
        self.check()
        if is_deep:
            self._go_back_behind_final_blocks()
            self.check()

    def check(self) -> None:
        """By the nodes' own count of what stands in their blocks."""
        for (name, chain), address in self.addresses.items():
            found = self.world.get_amount(name, ASSETS[chain])
            expected = self._count(chain, address) + self.lost[name, chain]
            assert found == expected, f"{name}: {found} on {chain}, in the chain {expected}"

    def _count(self, chain: str, address: str) -> int:
        chains = self.world.chains
        if chain == BITCOIN:
            return now(chains.bitcoin.get_received(address))
        return now(chains.ethereum.get_balance(address))

    def _pay(self) -> None:
        chains, name = self.world.chains, self.random.choice(PEOPLE)
        amount = MINIMUM + self.random.randrange(10**6)
        now(chains.bitcoin.pay([(self.addresses[name, BITCOIN], amount)]))
        now(chains.bitcoin.mine(self.random.randrange(1, 3)))
        now(chains.ethereum.pay(self.addresses[name, ETHEREUM], amount))

    def _replace(self, depth: int) -> None:
        """What was in the blocks comes again, or never."""
        chains, is_dropping = self.world.chains, bool(self.random.randrange(2))
        now(chains.bitcoin.reorganise(depth, is_dropping=is_dropping))
        now(chains.ethereum.reorganise(depth, is_dropping=is_dropping))

    def _settle(self) -> None:
        self.world.confirm(steps=3)
        self.world.wait_a_window()
        self.world.run(2)

    def _go_back_behind_final_blocks(self) -> None:
        world = self.world
        self._pay()
        self._settle()
        self._replace(CONFIRMATIONS + 1 + self.random.randrange(3))
        before = {e: world.get_amount(e[0], ASSETS[e[1]]) for e in self.addresses}
        world.confirm(steps=4)
        for chain in CHAIN_IDS:
            assert self._get_checkpoint(chain).evidence is not None, f"{chain} is not halted"
        self._pay()
        world.confirm(steps=2)
        after = {e: world.get_amount(e[0], ASSETS[e[1]]) for e in self.addresses}
        assert after == before, "something was credited on a halted chain"
        self._note_lost(before)
        for chain in CHAIN_IDS:
            world.close(("master", govern(CheckpointChain(chain, ResumeChain()))))
            assert self._get_checkpoint(chain).evidence is None
        self._settle()

    def _note_lost(self, credited: dict[tuple[str, str], int]) -> None:
        """What instances say is not backed any more."""
        world, self.lost = self.world, Counter()
        world.run(1)
        for watch in world.machines[0].watches:
            for each in watch.list_deposits():
                if each["stand"] == "unbacked":
                    name = self._find_owner(each["details"])
                    self.lost[name, watch.chain_id] += int(each["amount"])
        assert all(self.lost[each] <= credited[each] for each in credited)

    def _find_owner(self, details: str) -> str:
        return next(n for (n, _), address in self.addresses.items() if address in details)

    def _get_checkpoint(self, chain: str) -> Any:
        return self.world.get_checkpoint_of(chain)


def run_schedules(chains: RealChains, count: int, deep_every: int) -> None:
    """A failure names the schedule, which follows from those before it."""
    world = BorderWorld(chains)
    world.begin()
    schedule = Schedule(world)
    for number in range(1, count + 1):
        try:
            schedule.run(is_deep=number % deep_every == 0)
        except AssertionError as error:
            raise AssertionError(f"schedule {number}: {error}") from error


def test_nothing_is_credited_outside_the_final_chain(real_chains: RealChains) -> None:
    run_schedules(real_chains, count=1, deep_every=1)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(5))
def test_schedules_campaign(
    real_chains: RealChains, part: int, pytestconfig: pytest.Config
) -> None:
    del part
    run_schedules(real_chains, SHARE * pytestconfig.getoption("--faults"), DEEP_EVERY)
