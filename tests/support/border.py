"""Operations of the border: addresses, keysets, transfers, and an economy that has them."""

from typing import Any

from msgspec.structs import replace

from schemas.generated.common import (
    U64,
    Amount,
    Cosigner,
    EthereumAddress,
    EthereumAddressBytes,
    EthereumKey,
    Hash,
    LedgerKeyOfCosigner,
    NonceResource,
    Resource,
    TransferCaps,
    TransferOutcome,
    TransferPurpose,
    UtxoResource,
    WalletKind,
)
from schemas.generated.entries import ExternalTransfer, ReviewableRequest
from schemas.generated.keys import reviewable_request_key
from schemas.generated.operations import (
    AddTransferSignature,
    AdvanceCheckpoint,
    BindExternalSystemAccountId,
    CheckpointChain,
    CloseExternalTransfer,
    ConfirmExternalTransfer,
    CreateExternalTransfer,
    CreateIssuanceRequest,
    CreatePoolEntry,
    CreateWithdrawalRequest,
    CreateWithdrawalRequestResult,
    ManageExternalSystemAccountIdPoolEntry,
    ManageKeyset,
    ManageKeyValue,
    ManageTransferPolicy,
    NetworkFee,
    PutKeyValue,
    PutTransferPolicy,
    ReplaceExternalTransfer,
    SettledOutcome,
    SettleExternalTransfer,
    U32Value,
    UnknownOutcome,
)
from schemas.generated.requests import WithdrawalRequest
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    create_balance,
    get_account,
    get_public_key,
    issue,
    make_reference,
)
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


def make_bank_keyset() -> ManageKeyset:
    """Of a bank's wallet; its cosigners sign with the keys that they are named by."""
    cosigners = tuple(
        Cosigner(get_account(name), LedgerKeyOfCosigner(get_public_key(name)), slot, slot == 2)
        for slot, name in enumerate(COSIGNERS)
    )
    return replace(make_keyset(WalletKind.HOT, BANK), cosigners=cosigners)


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


ETH = "ETH"
WITHDRAWAL_TASKS = 64 | 128 | 256
TO = EthereumAddress(EthereumAddressBytes(bytes([8]) * 20))
EVIDENCE = Hash(bytes([6]) * 32)
PAYLOAD = b"an unsigned transaction"


def open_border(network: Network) -> None:
    """alice and bob hold 1,000 of an asset ETH that leaves through a hot wallet with nonces."""
    add_cosigners(network)
    network.apply("issuer", create_asset(ETH, policies=9, digits=0))
    people = ("alice", "bob")
    network.close(*(network.prepare(name, create_balance(name, ETH)) for name in people))
    for name in people:
        network.apply("issuer", issue(network, name, ETH, 1_000, f"eth of {name}"))
    tasks = PutKeyValue(U32Value(WITHDRAWAL_TASKS))
    network.apply(
        "master",
        ManageKeyValue("withdrawal_tasks:ETH", tasks),
        govern(make_keyset(WalletKind.HOT, account=SAFE)),
        put_caps(),
    )


def put_caps(
    transfer: int = 500,
    daily: int = 800,
    lifetime: int = 10_000,
    purpose: TransferPurpose = TransferPurpose.WITHDRAW,
    allow_list_delay_ms: int | None = None,
    chain_id: str = CHAIN,
) -> ManageTransferPolicy:
    caps = TransferCaps(Amount(transfer), Amount(daily), Amount(lifetime))
    action = PutTransferPolicy(caps, allow_list_delay_ms)
    return ManageTransferPolicy(chain_id, ETH, purpose, action)


def fund(network: Network, name: str, amount: int) -> CreateIssuanceRequest:
    made: CreateIssuanceRequest = issue(network, name, ETH, amount, f"more for {name}")
    return made


def withdraw(network: Network, name: str, amount: int) -> CreateWithdrawalRequest:
    reference = make_reference(network, f"w{network.salt}")
    balance_id = network.get_balance_id(name, ETH)
    return CreateWithdrawalRequest(balance_id, Amount(amount), None, TO, reference, b"")


def find_withdrawals(network: Network) -> list[U64]:
    """Requests that stand and await a decision."""
    state = network.ledger.state
    branch = reviewable_request_key(0)[:1]
    found = (state.get(key) for key in sorted(state.encoded) if key[:1] == branch)
    return [
        each.request_id
        for each in found
        if isinstance(each, ReviewableRequest)
        and isinstance(each.body, WithdrawalRequest)
        and each.pending_tasks == WITHDRAWAL_TASKS
    ]


def ask(network: Network, name: str = "alice", amount: int = 100) -> U64:
    """A request for a withdrawal; its number."""
    [result] = network.apply(name, withdraw(network, name, amount)).applied[0].result.operations
    assert isinstance(result.outcome, CreateWithdrawalRequestResult)
    return result.outcome.request_id


def nonce(number: int, account: str = SAFE, chain_id: str = CHAIN) -> Resource:
    return Resource(NonceResource(chain_id, account, U64(number)))


def utxo(number: int, chain_id: str = CHAIN) -> Resource:
    return Resource(UtxoResource(chain_id, Hash(bytes([5]) * 32), number))


def get_next_nonce(network: Network) -> int:
    found = network.ledger.state.get_wallet_nonce(CHAIN, SAFE)
    return 0 if found is None else found.next


def transfer(network: Network, *requests: int, **changes: Any) -> CreateExternalTransfer:
    """Pays these requests by the hot wallet's next nonce."""
    found = [network.ledger.state.get_reviewable_request(each) for each in requests]
    amount = sum(each.body.amount for each in found if each and hasattr(each.body, "amount"))
    made = CreateExternalTransfer(
        chain_id=CHAIN,
        wallet=WalletKind.HOT,
        keyset_version=1,
        purpose=TransferPurpose.WITHDRAW,
        asset=ETH,
        amount=Amount(amount),
        requests=tuple(map(U64, requests)),
        resources=(nonce(get_next_nonce(network)),),
        parent=None,
        submitter=None,
        payload=PAYLOAD,
    )
    return replace(made, **changes)


def cancel(network: Network, parent: int) -> CreateExternalTransfer:
    made = transfer(network, purpose=TransferPurpose.CANCEL, resources=())
    return replace(made, parent=U64(parent), amount=Amount(0), payload=b"to oneself")


def get_transfer(network: Network, transfer_id: int = 1) -> ExternalTransfer:
    found = network.ledger.state.get_external_transfer(U64(transfer_id))
    assert found is not None
    return found


def sign(network: Network, transfer_id: int = 1, **changes: Any) -> AddTransferSignature:
    """Of the newest version."""
    state = network.ledger.state
    version = len(get_transfer(network, transfer_id).versions)
    number = get_transfer(network, transfer_id).versions[-1].payload_version
    payload = state.get_transfer_payload(U64(transfer_id), number)
    assert payload is not None
    made = AddTransferSignature(U64(transfer_id), version, payload.payload_hash, b"signed")
    return replace(made, **changes)


def confirm(
    network: Network, transfer_id: int = 1, slots: tuple[int, ...] = (0, 1)
) -> ConfirmExternalTransfer:
    version = len(get_transfer(network, transfer_id).versions)
    return ConfirmExternalTransfer(U64(transfer_id), version, slots)


def replace_transfer(
    network: Network, transfer_id: int = 1, *resources: Resource
) -> ReplaceExternalTransfer:
    version = len(get_transfer(network, transfer_id).versions)
    payload = b"at a higher fee"
    return ReplaceExternalTransfer(U64(transfer_id), version, resources, payload)


def settle(
    transfer_id: int = 1,
    outcome: TransferOutcome = TransferOutcome.PAID,
    fee: int = 0,
    asset: str = ETH,
) -> SettleExternalTransfer:
    charged = NetworkFee(asset, Amount(fee)) if fee else None
    return SettleExternalTransfer(U64(transfer_id), SettledOutcome(outcome, EVIDENCE), charged)


def mark_unknown(transfer_id: int = 1) -> SettleExternalTransfer:
    return SettleExternalTransfer(U64(transfer_id), UnknownOutcome(), None)


def close(transfer_id: int = 1) -> CloseExternalTransfer:
    return CloseExternalTransfer(U64(transfer_id))


def commit(network: Network) -> None:
    """alice's request for 100 is committed: transfer 1."""
    open_border(network)
    network.apply("master", transfer(network, ask(network)))


def sign_by_two(network: Network, transfer_id: int = 1) -> None:
    for name in COSIGNERS[:2]:
        network.apply(name, sign(network, transfer_id))


def confirm_first(network: Network) -> None:
    commit(network)
    sign_by_two(network)
    network.apply("master", confirm(network))


def settle_first(network: Network) -> None:
    confirm_first(network)
    network.apply("master", settle())
