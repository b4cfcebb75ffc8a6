"""Ethereum's deposit addresses: forwarders, at places that everybody computes. Pure.

A forwarder (contracts/Forwarder.sol) is made by a factory with CREATE2, so that its address follows
from the factory, the two wallets that it pays to, and a salt made of keyset and index. Whoever
knows the keyset derives it again; nobody can put anything else there.
"""

import json
import re
from functools import lru_cache
from importlib.resources import files
from typing import NamedTuple

from eth_abi import encode
from eth_utils import keccak, to_checksum_address

from schemas.generated.entries import Keyset

DERIVATION = re.compile(r"forwarder\((0x[0-9a-fA-F]{40}),(0x[0-9a-fA-F]{40}),(0x[0-9a-fA-F]{40})\)")
SALT = b"tokend-forwarder"


class Forwarders(NamedTuple):
    """Addresses with 0x: the factory, and the two wallets that all of its forwarders pay to."""

    factory: str
    hot: str
    cold: str

    def derive_address(self, salt: bytes) -> str:
        """By EIP-1014, written as EIP-55 has it."""
        code_hash = compute_code_hash(self.hot, self.cold)
        place = keccak(b"\xff" + bytes.fromhex(self.factory[2:]) + salt + code_hash)
        return str(to_checksum_address(place[-20:]))


def encode_derivation(forwarders: Forwarders) -> str:
    """A keyset's `derivation`."""
    return f"forwarder({','.join(to_checksum_address(each) for each in forwarders)})"


def decode_derivation(keyset: Keyset) -> Forwarders:
    """Raises `ValueError`."""
    found = DERIVATION.fullmatch(keyset.derivation)
    if found is None:
        raise ValueError(
            f"keyset {keyset.version}: its derivation is not forwarder(FACTORY,HOT,COLD)"
        )
    return Forwarders(*found.groups())


def compute_salt(keyset: Keyset, index: int) -> bytes:
    """Of one address of a keyset: never the same for another keyset, chain or index."""
    chain_id = keyset.chain_id.encode()
    numbers = keyset.version.to_bytes(4, "big") + index.to_bytes(8, "big")
    return bytes(keccak(SALT + len(chain_id).to_bytes(1, "big") + chain_id + numbers))


def derive_address(keyset: Keyset, index: int) -> str:
    """Raises `ValueError`."""
    if index < 0:
        raise ValueError("index: 0 or more")
    return decode_derivation(keyset).derive_address(compute_salt(keyset, index))


@lru_cache(maxsize=64)
def compute_code_hash(hot: str, cold: str) -> bytes:
    """Of what the factory runs to make a forwarder."""
    return bytes(keccak(get_creation_code("Forwarder") + encode(["address"] * 2, [hot, cold])))


@lru_cache
def get_creation_code(contract: str) -> bytes:
    """What our own compiled contracts are deployed with, without arguments."""
    text = files("processors.psim.chains.contracts").joinpath("Forwarder.json").read_text()
    return bytes.fromhex(json.loads(text)[contract]["creation"])
