"""One endpoint for all services of a process: what stands in the chain is asked for once.

A block's hash stands for all blocks before it. So while the tip is the same one, nothing that was
read by height can be another one, and a look of any service asks for the tip at the most. Shell.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Protocol

from processors.psim.chains.source import Block, ChainPayment, ChainSource
from schemas.generated.entries import Keyset

BLOCKS_MAX = 2_000
FRESH = 0.9
"""Of the time between two looks: so long a service takes what another one's look has seen."""


class TipSource(ChainSource, Protocol):
    async def get_tip(self) -> Block:
        """The newest block, by one call."""
        ...


class SharedSource:
    """A `ChainSource`. `fresh_s`: for so long the tip is not asked for again."""

    def __init__(
        self, source: TipSource, fresh_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._fresh_s = fresh_s
        self._clock = clock
        self._lock = asyncio.Lock()
        self._asked_at = 0.0
        self._tip: Block | None = None
        self._final: int | None = None
        self._blocks: OrderedDict[int, Block] = OrderedDict()

    async def _get_tip(self) -> Block:
        async with self._lock:
            tip, now = self._tip, self._clock()
            if tip is None or now - self._asked_at >= self._fresh_s:
                tip = await self._source.get_tip()
                self._note(tip)
                self._asked_at = now
            return tip

    def _note(self, tip: Block) -> None:
        if tip == self._tip:
            return
        if self._tip is None or tip.previous_hash != self._tip.block_hash:
            self._blocks.clear()
        self._tip, self._final = tip, None
        self._keep(tip)

    def _keep(self, block: Block) -> None:
        self._blocks[block.height] = block
        while len(self._blocks) > BLOCKS_MAX:
            self._blocks.popitem(last=False)

    async def get_tip_height(self) -> int:
        return (await self._get_tip()).height

    async def get_final_height(self) -> int:
        tip = await self._get_tip()
        if self._final is not None:
            return self._final
        final = min(await self._source.get_final_height(), tip.height)
        if tip == self._tip:
            self._final = final
        return final

    async def get_block(self, height: int) -> Block:
        tip = await self._get_tip()
        block = self._blocks.get(height)
        if block is None:
            block = await self._source.get_block(height)
            if tip == self._tip and height < tip.height:
                self._keep(block)
        return block

    async def get_payments(
        self, block: Block, addresses: Collection[str], tokens: Collection[str]
    ) -> list[ChainPayment]:
        return await self._source.get_payments(block, addresses, tokens)

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        return await self._source.get_holding(address, token, block)

    async def get_sent(self, address: str, token: str, block: Block) -> int:
        return await self._source.get_sent(address, token, block)

    async def prepare_address(self, keyset: Keyset, index: int) -> bool:
        return await self._source.prepare_address(keyset, index)

    def derive_address(self, keyset: Keyset, index: int) -> str:
        return self._source.derive_address(keyset, index)
