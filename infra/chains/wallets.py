"""The network's own wallets on the test chains: keys, contracts, addresses to be given out."""

import wallycore as wally
from eth_account import Account

from infra.chains import bitcoin, ethereum
from infra.chains.bitcoin import BitcoinTestChain
from infra.chains.ethereum import EthereumTestChain
from processors.psim.chains.forwarders import Forwarders, compute_salt, encode_derivation
from schemas.generated.common import (
    U64,
    Cosigner,
    EthereumAddressBytes,
    EthereumKey,
    ExtendedPublicKey,
    WalletKind,
)
from schemas.generated.entries import Keyset, KeysetState
from schemas.generated.operations import ManageKeyset

BITCOIN_ACCOUNT = (48, 1, 0, 2)  # BIP-48: test coins, first account, P2WSH
HARDENED = 0x80000000
FORWARDERS = 20
"""How many are deployed at the beginning; services deploy more."""
GAS_WEI = 10**19
FINAL = 3
THRESHOLD = 2


def make_extended_key(seed: bytes) -> ExtendedPublicKey:
    """Of a cosigner's seed, by BIP-48."""
    master = wally.bip32_key_from_seed(seed, wally.BIP32_VER_TEST_PRIVATE, 0)
    path = [number | HARDENED for number in BITCOIN_ACCOUNT]
    key = wally.bip32_key_from_parent_path(master, path, wally.BIP32_FLAG_KEY_PRIVATE)
    return ExtendedPublicKey(wally.bip32_key_to_base58(key, wally.BIP32_FLAG_KEY_PUBLIC))


def make_ethereum_key(seed: bytes) -> EthereumKey:
    address = Account.from_key(seed).address
    return EthereumKey(EthereumAddressBytes(bytes.fromhex(address[2:])))


async def make_bitcoin_keyset(chain: BitcoinTestChain, cosigners: list[Cosigner]) -> ManageKeyset:
    """Binds from about now on: the block before is final."""
    height = max(await chain.get_height() - FINAL, 1)
    return _make(bitcoin.CHAIN_ID, cosigners, "", height)


async def make_ethereum_keyset(
    chain: EthereumTestChain, cosigners: list[Cosigner], gas_keys: list[bytes]
) -> ManageKeyset:
    """Deploys two Safes, a factory of forwarders to them, and the first forwarders. `gas_keys` get
    coins to deploy more with."""
    owners = [
        "0x" + each.key.address.hex() for each in cosigners if isinstance(each.key, EthereumKey)
    ]
    hot, cold = await chain.deploy_safes([owners, owners], THRESHOLD)
    factory = await chain.deploy_factory(hot, cold)
    made = _make(ethereum.CHAIN_ID, cosigners, encode_derivation(Forwarders(factory, hot, cold)), 0)
    keyset = Keyset(
        made.chain_id,
        made.wallet,
        1,
        made.threshold,
        made.cosigners,
        made.derivation,
        made.account,
        made.binds_from,
        KeysetState.CURRENT,
    )
    salts = [compute_salt(keyset, index) for index in range(FORWARDERS)]
    await chain.create_forwarders(factory, salts)
    for key in gas_keys:
        await chain.pay(str(Account.from_key(key).address), GAS_WEI)
    await chain.mine(FINAL)
    return made


def _make(
    chain_id: str, cosigners: list[Cosigner], derivation: str, binds_from: int
) -> ManageKeyset:
    return ManageKeyset(
        chain_id,
        WalletKind.DEPOSIT,
        THRESHOLD,
        tuple(cosigners),
        derivation,
        "",
        U64(binds_from),
        (),
    )
