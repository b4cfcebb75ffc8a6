"""Operations of the border as wide as they can be, on a state that is as wide as it can be."""

from typing import Any

from schemas.generated.common import (
    U64,
    Amount,
    BitcoinAddress,
    Cosigner,
    ExtendedPublicKey,
    Hash,
    TransferCaps,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.entries import (
    AllowedDestination,
    AllowedDestinations,
    ExternalPool,
    Keyset,
    KeysetState,
    KeyValue,
    Wallet,
)
from schemas.generated.operations import (
    BindExternalSystemAccountId,
    CheckpointChain,
    ManageAllowedDestination,
    ManageExternalSystemAccountIdPoolEntry,
    ManageKeyset,
    ManageTransferPolicy,
    PutTransferPolicy,
    RemovePoolEntry,
    StepBackCheckpoint,
    U32Value,
)
from schemas.generated.transactions import Operation
from streams.ledger.values import AMOUNT_MAX
from tests.streams.ledger.operations.cases import put
from tests.support.border import add_address, advance
from tests.support.network import Network, get_account
from tests.support.requests import govern

CHAIN = f"eip15500:{'1' * 32}"
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
    again = tuple(U64(WIDEST - 20 + n) for n in range(20))
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
    pooled = [
        add_address(pad(f"{system[0]}{index}-"), system, version, WIDEST)
        for index in range(8)
        for system, version in ((CHAIN, VERSION), (BANK, 0))
    ]
    network.apply("master", *pooled, advance(1 << 40, CHAIN))
    binding = BindExternalSystemAccountId(BANK)
    takers = ("alice", "issuer", "poor")
    network.close(*(network.prepare(name, binding) for name in takers))
    destinations = (BitcoinAddress(f"bc1{number:q<87}") for number in range(0, 60, 2))
    allowed = tuple(AllowedDestination(each, WIDEST) for each in destinations)
    put(network, AllowedDestinations(get_account("alice"), allowed))


def make_address(network: Network, number: int) -> Any:
    """Another in the pool, of a chain or of a bank."""
    if number % 2:
        return Operation(None, add_address(pad(f"n{number}-"), CHAIN, VERSION, WIDEST))
    return Operation(None, add_address(pad(f"n{number}-"), BANK, 0, WIDEST))


def remove_address(network: Network, number: int) -> Any:
    """Out of the middle."""
    name = pad(f"e{number % 5 + 2}-")
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


def change_policy(_: Network, number: int) -> Any:
    caps = TransferCaps(Amount(number + 1), AMOUNT_MAX, AMOUNT_MAX)
    put_it = PutTransferPolicy(caps, 31_536_000_000)
    return Operation(None, ManageTransferPolicy(CHAIN, "Z" * 16, TransferPurpose.WITHDRAW, put_it))


def allow_destination(_: Network, number: int) -> Any:
    """One more, or one less."""
    destination = BitcoinAddress(f"bc1{number % 30:q<87}" if number % 2 else f"bc1{0:q<87}")
    return Operation(
        get_account("alice"), ManageAllowedDestination(destination, is_allowed=bool(number % 2))
    )


MAKERS = (
    make_address,
    remove_address,
    bind_address,
    change_keyset,
    move_checkpoint,
    change_policy,
    allow_destination,
)
