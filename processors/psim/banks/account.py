"""What accounts at banks and payment gateways have in common as chains: one currency, and payment
references in place of addresses."""

from processors.psim.banks.statements import make_reference
from processors.psim.chains.source import Block
from schemas.generated.entries import Keyset

NOBODY = "no reference"
"""In place of an address: what somebody must look at."""


class AccountSource:
    """The part of a `ChainSource` that is the same for all of them."""

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
