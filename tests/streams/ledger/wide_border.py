"""Operations of the border as wide as they can be, on a state that is as wide as it can be."""

from typing import Any

from schemas.generated.common import (
    U64,
    Cosigner,
    ExtendedPublicKey,
    Hash,
    WalletKind,
)
from schemas.generated.entries import ExternalPool, Keyset, KeysetState, KeyValue, Wallet
from schemas.generated.operations import (
    BindExternalSystemAccountId,
    CheckpointChain,
    ManageExternalSystemAccountIdPoolEntry,
    ManageKeyset,
    RemovePoolEntry,
    StepBackCheckpoint,
    U32Value,
)
from schemas.generated.transactions import Operation
from tests.streams.ledger.operations.cases import put
from tests.support.border import add_address, advance
from tests.support.network import Network, get_account
from tests.support.requests import govern

CHAIN = f"eip155{'':0<2}:{'1' * 32}"
BANK = f"bank:{'b' * 32}"
VERSION = 1_000_000
WIDEST = U64((1 << 64) - 1)


def pad(text: str) -> str:
    """As long as an address may be."""
    return f"{text:x<128}"


def make_cosigners(number: int) -> tuple[Cosigner, ...]:
    """Fifteen, whose accounts an economy has."""
    names = ("alice", "bob", "issuer", "master", "poor", *(f"cosigner {n}" for n in range(10)))
    return tuple(
        Cosigner(
            get_account(name),
            ExtendedPublicKey(f"{f'xpub{number}-{slot}':x<120}"),
            slot,
            is_offline=slot == 0,
        )
        for slot, name in enumerate(names)
    )


def make_keyset(wallet: WalletKind, number: int, account: str = "") -> ManageKeyset:
    again = tuple(U64(WIDEST - 100 + n) for n in range(100))
    cosigners = make_cosigners(number)
    return ManageKeyset(CHAIN, wallet, 14, cosigners, "d" * 512, account, WIDEST, again)


def widen_border(network: Network) -> None:
    """A wallet of the widest keyset, full pools, what a bank's reference rests behind."""
    alice = network.ledger.state.get_account(get_account("alice"))
    assert alice is not None
    for each in make_cosigners(0):
        if network.ledger.state.get_account(each.account_id) is None:
            put(network, type(alice)(each.account_id, None, 99, alice.role_id, ()))
    made = make_keyset(WalletKind.DEPOSIT, 0)
    keyset = Keyset(
        CHAIN,
        made.wallet,
        VERSION,
        made.threshold,
        made.cosigners,
        made.derivation,
        made.account,
        made.binds_from,
        KeysetState.CURRENT,
    )
    put(network, keyset, Wallet(CHAIN, made.wallet, VERSION))
    put(network, ExternalPool(CHAIN, VERSION, U64(1 << 63), U64(1 << 63), None, None))
    put(network, KeyValue(f"ext_sys_exp_period:{BANK}", U32Value((1 << 32) - 1)))
    for index in range(8):
        network.apply("master", add_address(pad(f"c{index}-"), CHAIN, VERSION, WIDEST))
        network.apply("master", add_address(pad(f"b{index}-"), BANK, 0, WIDEST))
    for name in ("alice", "issuer", "poor"):
        network.apply(name, BindExternalSystemAccountId(BANK))
    network.apply("master", advance(1 << 40, CHAIN))


def make_address(network: Network, number: int) -> Any:
    """Another in the pool, of a chain or of a bank."""
    if number % 2:
        return Operation(None, add_address(pad(f"n{number}-"), CHAIN, VERSION, WIDEST))
    return Operation(None, add_address(pad(f"n{number}-"), BANK, 0, WIDEST))


def remove_address(network: Network, number: int) -> Any:
    """Out of the middle."""
    name = pad(f"c{number % 5 + 2}-")
    return Operation(None, ManageExternalSystemAccountIdPoolEntry(CHAIN, name, RemovePoolEntry()))


def bind_address(network: Network, number: int) -> Any:
    """A new one, or a bank's reference prolonged that others stand behind."""
    system = CHAIN if number % 2 else BANK
    source = get_account("alice" if number % 3 else "issuer")
    return Operation(source, BindExternalSystemAccountId(system))


def change_keyset(network: Network, number: int) -> Any:
    """The first of a wallet, at once."""
    account = pad("s") if number % 2 else ""
    return Operation(None, govern(make_keyset(WalletKind.HOT, number, account)))


def move_checkpoint(network: Network, number: int) -> Any:
    if number % 2:
        return Operation(None, advance((1 << 50) + number, CHAIN))
    evidence = Hash(bytes([9]) * 32)
    return Operation(
        None, CheckpointChain(CHAIN, StepBackCheckpoint(U64(number + 1), evidence, evidence))
    )


MAKERS = (make_address, remove_address, bind_address, change_keyset, move_checkpoint)
