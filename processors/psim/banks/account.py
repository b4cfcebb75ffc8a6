"""What accounts at banks and payment gateways have in common as chains: one currency, and payment
references in place of addresses."""

import asyncio
import time
from abc import ABC, abstractmethod

from processors.psim.banks.statements import make_reference
from processors.psim.chains.source import Block
from schemas.generated.entries import Keyset

NOBODY = "no reference"
"""In place of an address: what somebody must look at."""


class AccountSource(ABC):
    """The part of a `ChainSource` that is the same for all of them. `fresh_s`: for so long what was
    asked is not asked again, whichever service looks."""

    def __init__(self, fresh_s: float = 0.0) -> None:
        self._fresh_s = fresh_s
        self._lock = asyncio.Lock()
        self._asked_at: float | None = None

    async def look(self) -> None:
        """Takes in what is new. Raises `ChainUnavailable` and `ChainContradiction`."""
        async with self._lock:
            now = time.monotonic()
            if self._asked_at is None or now - self._asked_at >= self._fresh_s:
                await self._ask()
                self._asked_at = now

    def expire(self) -> None:
        """There is something new: the next look asks."""
        self._asked_at = None

    @abstractmethod
    async def _ask(self) -> None: ...

    async def get_sent(self, address: str, token: str, block: Block) -> int:
        """What an account states has been measured."""
        del address, token, block
        return 0

    async def prepare_address(self, keyset: Keyset, index: int) -> bool:
        """A reference is there once it is derived."""
        del keyset, index
        return True

    def derive_address(self, keyset: Keyset, index: int) -> str:
        return make_reference(f"{keyset.chain_id} {index}".encode())
