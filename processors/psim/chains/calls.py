"""How functions of Ethereum's contracts are called, and the forms of what nodes answer. Pure."""

from typing import Annotated, Any

import msgspec
from eth_abi import encode
from eth_utils import keccak

Hex = Annotated[str, msgspec.Meta(pattern=r"^0x([0-9a-fA-F]{2})*$")]
HexHash = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{64}$")]
HexAddress = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{40}$")]
Quantity = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{1,64}$")]
Number = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{1,12}$")]


def encode_call(signature: str, *values: Any) -> bytes:
    """`signature`: as `transfer(address,uint256)`."""
    types = signature.partition("(")[2].removesuffix(")")
    arguments = encode(types.split(","), list(values)) if values else b""
    return bytes(keccak(text=signature)[:4] + arguments)
