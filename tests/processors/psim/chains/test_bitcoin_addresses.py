"""Bitcoin's addresses, held against scripts put together by hand."""

from hashlib import sha256

import pytest
import wallycore as wally

from infra.chains.bitcoin import CHAIN_ID
from processors.psim.chains.bitcoin_addresses import (
    CHANGE,
    INDEX_MAX,
    NETWORKS,
    RECEIVING,
    Network,
    decode_hash,
    encode_hash,
    make_descriptor,
)
from tests.support.chains import make_ethereum_key, make_extended_key, make_keyset

KEYSET = make_keyset(CHAIN_ID, [make_extended_key(name) for name in ("a", "b", "c")])
NETWORK = Network(CHAIN_ID)
# BIP-173's own example of a witness script's address.
PROGRAM = "1863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"
MAINNET_ADDRESS = "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3"


def derive_by_hand(index: int, branch: int) -> bytes:
    keys = []
    for cosigner in KEYSET.cosigners:
        assert hasattr(cosigner.key, "text")
        account = wally.bip32_key_from_base58(cosigner.key.text)
        child = wally.bip32_key_from_parent_path(
            account, [branch, index], wally.BIP32_FLAG_KEY_PUBLIC
        )
        keys.append(bytes(wally.bip32_key_get_pub_key(child)))
    script = b"\x52" + b"".join(b"\x21" + key for key in sorted(keys)) + b"\x53\xae"
    return b"\x00\x20" + sha256(script).digest()


@pytest.mark.parametrize("branch", [RECEIVING, CHANGE])
@pytest.mark.parametrize("index", [0, 1, 7, 4711, INDEX_MAX])
def test_a_script_is_two_of_three_sorted_keys(index: int, branch: int) -> None:
    script = NETWORK.derive_script(KEYSET, index, branch)
    assert script == derive_by_hand(index, branch)
    assert NETWORK.decode_address(NETWORK.derive_address(KEYSET, index, branch)) == script


@pytest.mark.parametrize("index", [-1, INDEX_MAX + 1])
def test_an_index_has_31_bits(index: int) -> None:
    with pytest.raises(ValueError, match="index"):
        NETWORK.derive_script(KEYSET, index)


def test_addresses_are_those_of_the_standard() -> None:
    mainnet = Network("bip122:000000000019d6689c085ae165831e93")
    script = bytes.fromhex(f"0020{PROGRAM}")
    assert mainnet.encode_address(script) == MAINNET_ADDRESS
    assert mainnet.decode_address(MAINNET_ADDRESS) == script
    assert mainnet.decode_address("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa").hex() == (
        "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"
    )


@pytest.mark.parametrize("chain_id", NETWORKS)
def test_an_address_of_another_network_is_none(chain_id: str) -> None:
    network = Network(chain_id)
    for other in map(Network, NETWORKS):
        if other.prefix != network.prefix:
            with pytest.raises(ValueError, match=r".+"):
                network.decode_address(other.encode_address(bytes.fromhex(f"0020{PROGRAM}")))


@pytest.mark.parametrize(
    "address", ["", "sb1", MAINNET_ADDRESS[:-1] + "q", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb"]
)
def test_a_mistyped_address_is_none(address: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Network("bip122:000000000019d6689c085ae165831e93").decode_address(address)


def test_a_keyset_of_another_chain_is_refused() -> None:
    keyset = make_keyset(CHAIN_ID, [make_ethereum_key("a"), make_ethereum_key("b")])
    with pytest.raises(ValueError, match="extended key"):
        make_descriptor(keyset)
    with pytest.raises(ValueError, match="no network"):
        Network("eip155:1")


def test_hashes_are_read_backwards() -> None:
    text = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
    assert encode_hash(decode_hash(text)) == text
    assert decode_hash(text)[-4:] == bytes(4)
    with pytest.raises(ValueError, match="64"):
        decode_hash(text[:-2])
