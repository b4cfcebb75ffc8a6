"""What the network's wallets on a chain hold after a block, and what was paid from them."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from processors.psim.chains.source import Block, ChainPayment
from schemas.generated.common import WalletKind

Wallets = Mapping[WalletKind, Collection[str]]
"""Their addresses."""


class Paid(NamedTuple):
    """A transfer that happened in a final block. `amount`: what left all wallets together, with
    what the chain charged."""

    height: int
    amount: int


class HoldingsReader(Protocol):
    """Asking raises `ChainUnavailable` and `ChainContradiction`."""

    def reset(self) -> None:
        """Forgets every block."""
        ...

    async def fold(self, block: Block, payments: Sequence[ChainPayment]) -> None:
        """The next final block, with what arrived in it at addresses of all wallets."""
        ...

    async def read(
        self, block: Block, wallets: Wallets, tokens: Collection[str]
    ) -> Mapping[tuple[WalletKind, str], int]:
        """By wallet and token, after a block that was folded."""
        ...

    def find_paid(self, height: int) -> Mapping[int, Paid]:
        """By number, of the transfers that are in the ledger now: what happened up to a block.
        Raises `ChainUnavailable` where that is not known yet."""
        ...
