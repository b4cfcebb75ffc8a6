"""Bitcoin's addresses: of a keyset by BIP-48 and descriptors, and as scripts. Pure."""

from functools import lru_cache

import wallycore as wally

from schemas.generated.common import ExtendedPublicKey, Hash
from schemas.generated.entries import Keyset

RECEIVING = 0
"""The branch of a key from which addresses of deposits come; 1 is that of change."""
CHANGE = 1
INDEX_MAX = 2**31 - 1
KEPT = 10_000
"""Scripts that need not be derived again."""

# By the chain's id of CAIP-2: the beginning of its addresses, and wallycore's network, which says
# how extended keys are written.
NETWORKS = {
    "bip122:000000000019d6689c085ae165831e93": ("bc", wally.WALLY_NETWORK_BITCOIN_MAINNET),
    "bip122:000000000933ea01ad0ee984209779ba": ("tb", wally.WALLY_NETWORK_BITCOIN_TESTNET),
    "bip122:00000000da84f2bafbbc53dee25a72ae": ("tb", wally.WALLY_NETWORK_BITCOIN_TESTNET),
    "bip122:00000008819873e925422c1ff0f99f7c": ("tb", wally.WALLY_NETWORK_BITCOIN_TESTNET),
    "bip122:0f9188f13cb7b2c71f2a335e3a4fc328": ("bcrt", wally.WALLY_NETWORK_BITCOIN_REGTEST),
    "bip122:683e86bd5c6d110d91b94b97137ba6bf": ("sb", wally.WALLY_NETWORK_BITCOIN_REGTEST),
}
"""Mainnet, testnet 3 and 4, signet, regtest, and btcd's simnet."""


class Network:
    """One of Bitcoin's networks."""

    def __init__(self, chain_id: str) -> None:
        """Raises `ValueError` for an id that is not one."""
        if chain_id not in NETWORKS:
            raise ValueError(f"{chain_id}: no network of Bitcoin's: one of {', '.join(NETWORKS)}")
        self.chain_id = chain_id
        self.prefix, self.wally_network = NETWORKS[chain_id]

    def derive_script(self, keyset: Keyset, index: int, branch: int = RECEIVING) -> bytes:
        """The output script of a keyset's address. Raises `ValueError`."""
        if not 0 <= index <= INDEX_MAX:
            raise ValueError(f"index: 0 to {INDEX_MAX}")
        return _derive(make_descriptor(keyset, branch), self.wally_network, 0, index)

    def derive_address(self, keyset: Keyset, index: int, branch: int = RECEIVING) -> str:
        return self.encode_address(self.derive_script(keyset, index, branch))

    def encode_address(self, script: bytes) -> str:
        """Of a witness program. Raises `ValueError`."""
        return str(wally.addr_segwit_from_bytes(script, self.prefix, 0))

    def decode_address(self, address: str) -> bytes:
        """The output script that pays to an address of this network. Raises `ValueError`."""
        try:
            if address.lower().startswith(f"{self.prefix}1"):
                return bytes(wally.addr_segwit_to_bytes(address, self.prefix, 0))
            return bytes(wally.address_to_scriptpubkey(address, self.wally_network))
        except ValueError:
            raise ValueError(f"{address[:90]!r} is no address of {self.chain_id}") from None


def derive_witness_script(
    network: Network, keyset: Keyset, index: int, branch: int = RECEIVING
) -> bytes:
    """What the output script of the address is the hash of. Raises `ValueError`."""
    return _derive(make_descriptor(keyset, branch), network.wally_network, 1, index)


@lru_cache(maxsize=KEPT)
def _derive(descriptor: str, network: int, depth: int, index: int) -> bytes:
    """The script at a depth: 0 the output's, 1 what it is the hash of."""
    parsed = wally.descriptor_parse(descriptor, None, network, 0)
    return bytes(wally.descriptor_to_script(parsed, depth, 0, 0, 0, index, 0))


def make_descriptor(keyset: Keyset, branch: int = RECEIVING) -> str:
    """BIP-380: k of the cosigners' keys, sorted at every index. Raises `ValueError`."""
    keys = []
    for cosigner in keyset.cosigners:
        if not isinstance(cosigner.key, ExtendedPublicKey):
            raise ValueError(  # noqa: TRY004 - a keyset of another chain, as any other wrong value
                f"keyset {keyset.version}: slot {cosigner.slot} has no extended key"
            )
        keys.append(f"{cosigner.key.text}/{branch}/*")
    return f"wsh(sortedmulti({keyset.threshold},{','.join(keys)}))"


def decode_hash(text: str) -> Hash:
    """From the order in which people read ids of blocks and transactions. Raises `ValueError`."""
    content = bytes.fromhex(text)
    if len(content) != 32:
        raise ValueError("a hash has 64 hexadecimal digits")
    return Hash(content[::-1])


def encode_hash(content: bytes) -> str:
    return content[::-1].hex()
