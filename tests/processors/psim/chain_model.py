"""A small chain: blocks of payments that can be replaced, and an endpoint that may misbehave."""

from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256

from processors.psim.chains.source import COIN, Block, ChainPayment, ChainUnavailable
from schemas.generated.common import Hash
from schemas.generated.entries import Keyset

BLOCK_MS = 60_000


def make_payment(
    name: str, address: str, amount: int, token: str = COIN, ordinal: int = 0
) -> ChainPayment:
    """Of the transaction called `name`."""
    return ChainPayment(Hash(sha256(name.encode()).digest()), ordinal, address, token, amount)


def derive(keyset: Keyset, index: int) -> str:
    return f"address-{keyset.version}-{index}"


@dataclass
class ModelBlock:
    """With what arrived in it; `kept`: of each amount, in per cent (of tokens that keep a part).
    `sent`: what left addresses in it, by a transfer or without one."""

    block: Block
    payments: list[ChainPayment]
    kept: int = 0
    sent: dict[tuple[str, str], int] = field(default_factory=dict)
    transfer: int | None = None


@dataclass
class ChainModel:
    """The chain itself; sources are views of it. The first block is number 0."""

    start_ms: int
    confirmations: int = 3
    blocks: list[ModelBlock] = field(default_factory=list)
    mined: int = 0

    def __post_init__(self) -> None:
        self.mine()

    @property
    def tip(self) -> int:
        return len(self.blocks) - 1

    def mine(
        self,
        *payments: ChainPayment,
        kept: int = 0,
        sent: dict[tuple[str, str], int] | None = None,
        transfer: int | None = None,
    ) -> Block:
        self.mined += 1
        height = len(self.blocks)
        previous = self.blocks[-1].block.block_hash if self.blocks else Hash(bytes(32))
        block_hash = Hash(sha256(previous + self.mined.to_bytes(8, "big")).digest())
        block = Block(height, block_hash, previous, self.start_ms + height * BLOCK_MS)
        self.blocks.append(ModelBlock(block, list(payments), kept, sent or {}, transfer))
        return block

    def drop(self, count: int) -> list[ChainPayment]:
        """Takes the newest blocks away; what was in them."""
        dropped = self.blocks[-count:]
        del self.blocks[-count:]
        return [payment for each in dropped for payment in each.payments]

    def get_payments(self) -> list[ChainPayment]:
        """Of all blocks."""
        return [payment for each in self.blocks for payment in each.payments]


class ModelSource:
    """One endpoint. `lag`: blocks that it has not heard of; `is_away`: it does not answer."""

    def __init__(self, chain: ChainModel) -> None:
        self.chain = chain
        self.lag = 0
        self.is_away = False
        self.prepared: set[int] = set()
        self.is_preparing = True

    def _get(self, height: int) -> ModelBlock:
        if self.is_away or height > self.chain.tip - self.lag or height < 0:
            raise ChainUnavailable(f"no block {height}")
        return self.chain.blocks[height]

    async def get_tip_height(self) -> int:
        if self.is_away:
            raise ChainUnavailable("away")
        return max(self.chain.tip - self.lag, 0)

    async def get_final_height(self) -> int:
        return max(await self.get_tip_height() - self.chain.confirmations + 1, 0)

    async def get_block(self, height: int) -> Block:
        return self._get(height).block

    async def get_payments(
        self, block: Block, addresses: Collection[str], tokens: Collection[str]
    ) -> list[ChainPayment]:
        found = self._get(block.height)
        if found.block != block:
            raise ChainUnavailable("another block is there now")
        return [p for p in found.payments if p.address in addresses and p.token in tokens]

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        if self._get(block.height).block != block:
            raise ChainUnavailable("another block is there now")
        held = 0
        for each in self.chain.blocks[: block.height + 1]:
            for payment in each.payments:
                if (payment.address, payment.token) == (address, token):
                    held += payment.amount * (100 - each.kept) // 100
            held -= each.sent.get((address, token), 0)
        return held

    async def get_sent(self, address: str, token: str, block: Block) -> int:
        return self._get(block.height).sent.get((address, token), 0)

    async def prepare_address(self, keyset: Keyset, index: int) -> bool:
        if self.is_preparing:
            self.prepared.add(index)
        return index in self.prepared

    def derive_address(self, keyset: Keyset, index: int) -> str:
        return derive(keyset, index)
