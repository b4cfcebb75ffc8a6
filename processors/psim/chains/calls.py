"""How functions of Ethereum's contracts are called. Pure."""

from typing import Any

from eth_abi import encode
from eth_utils import keccak


def encode_call(signature: str, *values: Any) -> bytes:
    """`signature`: as `transfer(address,uint256)`."""
    types = signature.partition("(")[2].removesuffix(")")
    arguments = encode(types.split(","), list(values)) if values else b""
    return bytes(keccak(text=signature)[:4] + arguments)
