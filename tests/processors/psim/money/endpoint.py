"""What the endpoints of the small chains have in common."""

from typing import Generic, Protocol, TypeVar

from processors.psim.chains.source import Block, ChainUnavailable


class Chain(Protocol):
    @property
    def tip(self) -> int: ...

    @property
    def final(self) -> int: ...

    def get_block(self, height: int) -> Block: ...


AnyChain = TypeVar("AnyChain", bound=Chain)


class ModelEndpoint(Generic[AnyChain]):
    """A chain's source and wallet in one, which may be away."""

    def __init__(self, chain: AnyChain) -> None:
        self.chain = chain
        self.is_away = False

    def _check(self) -> None:
        if self.is_away:
            raise ChainUnavailable("away")

    async def get_tip_height(self) -> int:
        self._check()
        return self.chain.tip

    async def get_final_height(self) -> int:
        self._check()
        return self.chain.final

    async def get_block(self, height: int) -> Block:
        self._check()
        if height > self.chain.tip:
            raise ChainUnavailable(f"no block {height}")
        return self.chain.get_block(height)
