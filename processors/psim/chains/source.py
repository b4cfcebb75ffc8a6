"""What the services read of a chain: blocks, and what arrived at addresses in them.

One source a chain, over an endpoint that may be a stranger's: it is asked, and never calls us. What
it says of a block that is final never changes; it differs between chains when that is.
"""

from collections.abc import Collection
from typing import Protocol

import msgspec

from schemas.generated.common import Hash
from schemas.generated.entries import Keyset

COIN = ""
"""The token of a payment in the chain's own coin."""


class ChainUnavailable(OSError):
    """The endpoint did not answer, or does not have it yet: ask again later."""


class ChainContradiction(Exception):
    """The endpoint's answers do not fit together: believe none of them, and tell somebody."""


class Block(msgspec.Struct, frozen=True):
    """One of a chain's blocks. `time_ms`: Bitcoin's median-time-past, Ethereum's timestamp."""

    height: int
    block_hash: Hash
    previous_hash: Hash
    time_ms: int


class ChainPayment(msgspec.Struct, frozen=True):
    """What arrived at an address. `ordinal`: of the output, or of the log in its own receipt, which
    does not move when the block is made again. `token`: a contract's address, or `COIN`. `amount`:
    in the smallest unit of the coin or token, as measured."""

    transaction_id: Hash
    ordinal: int
    address: str
    token: str
    amount: int


class ChainSource(Protocol):
    """All functions raise `ChainUnavailable` and `ChainContradiction`."""

    async def get_tip_height(self) -> int: ...

    async def get_final_height(self) -> int:
        """The highest block that this chain's rule takes for final."""
        ...

    async def get_block(self, height: int) -> Block:
        """The block at a height of the chain that is now the best."""
        ...

    async def get_payments(
        self, block: Block, addresses: Collection[str], tokens: Collection[str]
    ) -> list[ChainPayment]:
        """What arrived at these addresses (a set or mapping: most of a block is not in it) in this
        very block, in coins and in these tokens, in order. Failed transactions, coins that cannot
        be spent yet and tokens that moved nothing are not in it."""
        ...

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        """What the address held after this block."""
        ...

    async def get_sent(self, address: str, token: str, block: Block) -> int:
        """What left the address in this very block: it is asked only where what the address holds
        has not grown by what arrived."""
        ...

    async def prepare_address(self, keyset: Keyset, index: int) -> bool:
        """Whether the address can be given out: what arrives there would be seen. Starts whatever
        is lacking for it (a contract that is deployed) and says no until that is final; asking
        again is harmless."""
        ...

    def derive_address(self, keyset: Keyset, index: int) -> str:
        """Pure: the deposit address of a keyset at an index, as everybody derives it again.
        Raises `ValueError` if the keyset is none of this chain's."""
        ...
