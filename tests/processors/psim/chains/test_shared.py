"""Services of a process share what they read of a chain, and see the same as who asks alone."""

import asyncio
from typing import Any

from processors.psim.chains.shared import SharedSource
from processors.psim.chains.source import Block
from tests.processors.psim.chain_model import ChainModel, ModelSource, make_payment
from tests.processors.psim.world import now


class CountingSource(ModelSource):
    """`asked`: how often anything was asked for."""

    def __init__(self, chain: ChainModel) -> None:
        super().__init__(chain)
        self.asked = 0

    def _get(self, height: int) -> Any:
        self.asked += 1
        return super()._get(height)

    async def get_tip(self) -> Block:
        block: Block = self._get(self.chain.tip).block
        return block


class World:
    def __init__(self, fresh_s: float = 1.0) -> None:
        self.chain = ChainModel(0)
        self.alone = CountingSource(self.chain)
        self.time_s = 0.0
        self.shared = SharedSource(self.alone, fresh_s, lambda: self.time_s)

    def look(self) -> tuple[int, list[Block]]:
        """As a service does: what is final, and the newest blocks."""

        async def look() -> tuple[int, list[Block]]:
            final, tip = await asyncio.gather(
                self.shared.get_final_height(), self.shared.get_tip_height()
            )
            blocks = [await self.shared.get_block(each) for each in range(max(tip - 5, 0), tip + 1)]
            return final, blocks

        return now(look())


def test_a_look_at_the_same_chain_costs_one_question() -> None:
    world = World()
    for _ in range(8):
        world.chain.mine()
    first = world.look()
    before = world.alone.asked
    world.time_s += 1
    assert [world.look() for _ in range(5)] == [first] * 5
    assert world.alone.asked == before + 1


def test_a_new_block_costs_no_old_one() -> None:
    world = World()
    for _ in range(8):
        world.chain.mine()
    world.look()
    block = world.chain.mine()
    world.time_s += 1
    before = world.alone.asked
    final, blocks = world.look()
    assert (final, blocks[-1]) == (world.chain.tip - 2, block)
    assert world.alone.asked == before + 1


def test_what_is_replaced_is_asked_for_again() -> None:
    world = World()
    for _ in range(8):
        world.chain.mine()
    world.look()
    world.chain.drop(3)
    for _ in range(4):
        world.chain.mine()
    world.time_s += 1
    _, blocks = world.look()
    assert blocks == [each.block for each in world.chain.blocks[-6:]]


def test_the_same_tip_after_a_replacement_is_another_chain() -> None:
    """A chain that is as long as before, but has another last block."""
    world = World()
    for _ in range(8):
        world.chain.mine()
    world.look()
    world.chain.drop(2)
    world.chain.mine(make_payment("a", "b", 1))
    world.chain.mine()
    assert world.look()[1] != [each.block for each in world.chain.blocks[-6:]]  # not asked yet
    world.time_s += 1
    assert world.look()[1] == [each.block for each in world.chain.blocks[-6:]]
