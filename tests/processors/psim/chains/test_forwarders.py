"""Ethereum's deposit addresses, computed as EIP-1014 says."""

from dataclasses import dataclass

import pytest
from eth_utils import keccak
from msgspec.structs import replace

from infra.chains.ethereum import CHAIN_ID
from processors.psim.chains import forwarders
from processors.psim.chains.forwarders import Forwarders, encode_derivation
from tests.support.chains import make_ethereum_key, make_keyset

HOT, COLD, FACTORY = ("0x" + 20 * each for each in ("11", "22", "33"))
PLACES = Forwarders(FACTORY, HOT, COLD)
KEYSET = make_keyset(
    CHAIN_ID, [make_ethereum_key(each) for each in "abc"], encode_derivation(PLACES)
)


@dataclass(frozen=True)
class Vector:
    """Of EIP-1014."""

    sender: str
    salt: str
    code: str
    address: str


VECTORS = (
    Vector("00" * 20, "00" * 32, "00", "0x4D1A2e2bB4F88F0250f26Ffff098B0b30B26BF38"),
    Vector(
        "deadbeef00000000000000000000000000000000",
        "00" * 32,
        "00",
        "0xB928f69Bb1D91Cd65274e3c79d8986362984fDA3",
    ),
    Vector(
        "00000000000000000000000000000000deadbeef",
        "00" * 28 + "cafebabe",
        "deadbeef",
        "0x60f3f640a8508fC6a86d45DF051962668E1e8AC7",
    ),
)


@pytest.mark.parametrize("vector", VECTORS)
def test_create2_is_that_of_the_standard(vector: Vector, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = bytes(keccak(bytes.fromhex(vector.code)))
    monkeypatch.setattr(forwarders, "compute_code_hash", lambda _hot, _cold: digest)
    made = Forwarders("0x" + vector.sender, HOT, COLD)
    assert made.derive_address(bytes.fromhex(vector.salt)) == vector.address


def test_every_index_version_and_chain_has_an_address_of_its_own() -> None:
    keysets = (KEYSET, replace(KEYSET, version=2), replace(KEYSET, chain_id="eip155:1"))
    found = {forwarders.derive_address(keyset, index) for keyset in keysets for index in range(50)}
    assert len(found) == 150


@pytest.mark.parametrize(
    "derivation", ["", "forwarder()", f"forwarder({HOT},{COLD})", encode_derivation(PLACES) + " "]
)
def test_another_derivation_is_refused(derivation: str) -> None:
    with pytest.raises(ValueError, match="derivation"):
        forwarders.derive_address(replace(KEYSET, derivation=derivation), 0)
    with pytest.raises(ValueError, match="index"):
        forwarders.derive_address(KEYSET, -1)
