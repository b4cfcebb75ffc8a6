"""Operations of the border: addresses, keysets, transfers, and an economy that has them."""

from schemas.generated.common import (
    U64,
    Cosigner,
    EthereumAddressBytes,
    EthereumKey,
    Hash,
    WalletKind,
)
from schemas.generated.operations import (
    AdvanceCheckpoint,
    BindExternalSystemAccountId,
    CheckpointChain,
    CreatePoolEntry,
    ManageExternalSystemAccountIdPoolEntry,
    ManageKeyset,
)
from tests.support.network import Network, create_account, get_account
from tests.support.requests import govern

CHAIN = "eip155:31337"
BANK = "bank:example"
COSIGNERS = ("cosigner 1", "cosigner 2", "cosigner 3")
SAFE = "0x5afe5afe5afe5afe5afe5afe5afe5afe5afe5afe"


def make_cosigner(name: str, slot: int, key: int | None = None) -> Cosigner:
    """The last of three is offline."""
    number = slot + 1 if key is None else key
    address = EthereumAddressBytes(number.to_bytes(20, "big"))
    return Cosigner(get_account(name), EthereumKey(address), slot, is_offline=slot == 2)


def make_keyset(
    wallet: WalletKind = WalletKind.DEPOSIT,
    chain_id: str = CHAIN,
    account: str = "",
    binds_from: int = 0,
    keys: int = 1,
    signed_again: tuple[int, ...] = (),
) -> ManageKeyset:
    """Two of three; `keys`: the number of the first key."""
    cosigners = tuple(make_cosigner(n, i, keys + i) for i, n in enumerate(COSIGNERS))
    again = tuple(map(U64, signed_again))
    return ManageKeyset(
        chain_id, wallet, 2, cosigners, "forwarder", account, U64(binds_from), again
    )


def add_cosigners(network: Network) -> None:
    network.apply("master", *(create_account(name) for name in COSIGNERS))


def add_keyset(network: Network) -> None:
    """Of the deposit wallet."""
    add_cosigners(network)
    network.apply("master", govern(make_keyset()))


def add_address(
    address: str, system: str = CHAIN, version: int = 1, index: int = 0
) -> ManageExternalSystemAccountIdPoolEntry:
    """Version 0 is a bank's."""
    action = CreatePoolEntry(version, U64(index))
    return ManageExternalSystemAccountIdPoolEntry(system, address, action)


def bind(system: str = CHAIN) -> BindExternalSystemAccountId:
    return BindExternalSystemAccountId(system)


def advance(height: int, chain_id: str = CHAIN) -> CheckpointChain:
    block_hash = Hash(height.to_bytes(32, "big"))
    return CheckpointChain(chain_id, AdvanceCheckpoint(U64(height), block_hash))
