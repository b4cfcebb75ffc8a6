"""The test chains alone, for tests of what reads chains."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256

import pytest
import wallycore as wally
from eth_account import Account

from infra.chains.nodes import BITCOIN, ETHEREUM
from infra.local import launch, processes
from infra.local.chains import CHAINS, BitcoinServer, EthereumServer
from infra.local.rows import Table
from schemas.generated.common import (
    U64,
    AccountID,
    Cosigner,
    EthereumAddressBytes,
    EthereumKey,
    ExtendedPublicKey,
    WalletKind,
)
from schemas.generated.entries import Keyset, KeysetState
from tests.support.servers import make_folder

BITCOIN_ACCOUNT = (48, 1, 0, 2)  # BIP-48: test coins, first account, P2WSH
HARDENED = 0x80000000


@contextlib.contextmanager
def start_chains() -> Iterator[launch.RunningDeployment]:
    """Both; nothing is left of them afterwards."""
    root = make_folder()
    lines: list[str] = []
    servers = (BitcoinServer(BITCOIN, CHAINS), EthereumServer(ETHEREUM, CHAINS))
    table = Table(tiers=(CHAINS,), profiles={CHAINS: (CHAINS,)}, servers=servers)
    try:
        running = asyncio.run(launch.start_deployment(root, table, CHAINS, lines.append))
        try:
            yield running
        finally:
            running.stop(lines.append)
        assert processes.find_processes(root) == []
    finally:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def chains() -> Iterator[launch.RunningDeployment]:
    """The chains of a session. A test finds them as others left them."""
    with start_chains() as running:
        yield running


def make_extended_key(name: str) -> ExtendedPublicKey:
    """By BIP-48, as a cosigner of a test would give it."""
    version = wally.BIP32_VER_TEST_PRIVATE
    master = wally.bip32_key_from_seed(sha256(name.encode()).digest(), version, 0)
    path = [number | HARDENED for number in BITCOIN_ACCOUNT]
    key = wally.bip32_key_from_parent_path(master, path, wally.BIP32_FLAG_KEY_PRIVATE)
    return ExtendedPublicKey(wally.bip32_key_to_base58(key, wally.BIP32_FLAG_KEY_PUBLIC))


def make_ethereum_key(name: str) -> EthereumKey:
    address = Account.from_key(sha256(name.encode()).digest()).address
    return EthereumKey(EthereumAddressBytes(bytes.fromhex(address[2:])))


def make_keyset(
    chain_id: str,
    keys: Sequence[ExtendedPublicKey | EthereumKey],
    derivation: str = "",
    version: int = 1,
) -> Keyset:
    """Of deposits, with one key that may be lost."""
    cosigners = tuple(
        Cosigner(AccountID(bytes([slot + 1]) * 32), key, slot, is_offline=False)
        for slot, key in enumerate(keys)
    )
    threshold, state = len(keys) - 1, KeysetState.CURRENT
    return Keyset(
        chain_id, WalletKind.DEPOSIT, version, threshold, cosigners, derivation, "", U64(0), state
    )
