"""What a halted chain does not back any more: credits of blocks that were replaced, whose coins
were spent otherwise. Those that were mined again are backed again. Shell.
"""

from processors.psim.chains.source import Block, ChainSource, ChainUnavailable
from processors.psim.deposit.rules import compute_reference_text, is_of_chain
from processors.psim.meanings import find_meanings
from processors.psim.view import Credit, LedgerView
from schemas.generated.entries import ChainCheckpoint


class Backing:
    """The blocks above a halted chain's checkpoint, each read once, with the references of what
    arrived in it."""

    def __init__(self, chain_id: str, source: ChainSource) -> None:
        self._chain_id = chain_id
        self._source = source
        self._blocks: list[tuple[Block, frozenset[str]]] = []

    def reset(self) -> None:
        self._blocks.clear()

    async def find_unbacked(
        self, view: LedgerView, checkpoint: ChainCheckpoint, tip: int
    ) -> list[Credit]:
        """Raises `ChainUnavailable` and `ChainContradiction`."""
        height = int(checkpoint.height)
        above = [
            each
            for each in view.credits.values()
            if is_of_chain(each.details, self._chain_id, height)
        ]
        if not above:
            return []
        await self._forget_replaced(tip)
        first = self._blocks[-1][0].height + 1 if self._blocks else height + 1
        for number in range(first, tip + 1):
            await self._read(view, number)
        backed = frozenset().union(*(references for _, references in self._blocks))
        return [each for each in above if each.reference not in backed]

    async def _forget_replaced(self, tip: int) -> None:
        while self._blocks:
            newest = self._blocks[-1][0]
            if newest.height <= tip and await self._source.get_block(newest.height) == newest:
                return
            self._blocks.pop()

    async def _read(self, view: LedgerView, height: int) -> None:
        block = await self._source.get_block(height)
        if self._blocks and block.previous_hash != self._blocks[-1][0].block_hash:
            raise ChainUnavailable(f"height {height}: the chain has just changed")
        addresses = frozenset(view.addresses.get(self._chain_id, ()))
        tokens = tuple(find_meanings(view, self._chain_id)[0])
        references = frozenset(
            compute_reference_text(self._chain_id, each.transaction_id, each.ordinal)
            for each in await self._source.get_payments(block, addresses, tokens)
        )
        self._blocks.append((block, references))
