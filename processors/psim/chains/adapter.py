"""What everybody who signs a transfer needs of its chain: to read it, and what is signed of it.

One adapter a file beside this one, and its row in `table.py`.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from schemas.generated.common import EthereumKey, ExtendedPublicKey, Hash, LedgerKeyOfCosigner

CosignerKey: TypeAlias = ExtendedPublicKey | EthereumKey | LedgerKeyOfCosigner


class AdapterError(Exception):
    """A payload cannot be handled; the message says what to do."""


class NoChainAdapter(AdapterError):
    """This version of the program reads no payloads of the chain."""

    def __init__(self, chain_id: str) -> None:
        super().__init__(
            f"{chain_id}: this version has no adapter that reads its payloads:"
            " sign with the chain's own tools, or use a version that has one"
        )
        self.chain_id = chain_id


class PayloadUnreadable(AdapterError):
    """The payload is not what the chain's transfers look like: do not sign it."""


class ChainAdapter(Protocol):
    """Pure. Each function raises `PayloadUnreadable`."""

    def describe(self, payload: bytes) -> list[str]:
        """What the transfer does, in plain words, a line each."""
        ...

    def sign(
        self,
        network_id: Hash,
        payload: bytes,
        key: CosignerKey,
        sign: Callable[[tuple[int, ...], bytes], bytes],
    ) -> bytes:
        """A cosigner's signature; `sign`: by his key, see `signers`."""
        ...

    def is_signature(
        self, network_id: Hash, payload: bytes, signature: bytes, key: CosignerKey
    ) -> bool:
        """Whether the cosigner with this key made it."""
        ...
