"""The test chains alone, for tests of what reads chains."""

import asyncio
import contextlib
import shutil
from collections.abc import Iterator, Sequence
from hashlib import sha256

import pytest

from infra.chains.nodes import BITCOIN, ETHEREUM
from infra.local import launch, processes
from infra.local.chains import CHAINS, BitcoinServer, EthereumServer
from infra.local.rows import Table
from processors.psim.chains import signers
from schemas.generated.common import (
    U64,
    AccountID,
    Cosigner,
    EthereumKey,
    ExtendedPublicKey,
    WalletKind,
)
from schemas.generated.entries import Keyset, KeysetState
from tests.support.servers import make_folder


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
    """As a cosigner of a test would give it."""
    return signers.make_extended_key(sha256(name.encode()).digest(), WalletKind.DEPOSIT)


def make_ethereum_key(name: str) -> EthereumKey:
    return signers.make_ethereum_key(sha256(name.encode()).digest())


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
