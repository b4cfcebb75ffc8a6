"""Ethereum: what a Safe's next transactions are, and whether somebody else's are right. Pure.

Each withdrawal has a nonce of its own, so that one recipient's fault stops nobody else; sweeps go
many at a nonce. Gas is paid by who sends, never by the Safe.
"""

from collections.abc import Mapping, Sequence

import msgspec
from eth_abi import decode as decode_abi
from eth_utils import is_address, to_checksum_address

from processors.psim.chains.adapter import PayloadUnreadable
from processors.psim.chains.calls import encode_call
from processors.psim.chains.ethereum_transfers import (
    ZERO,
    Call,
    SafeTransfer,
    find_calls,
    make_cancel,
    make_transfer,
    read_derivation,
    read_payload,
    write_payload,
)
from processors.psim.chains.source import COIN
from processors.psim.transfers.ledger import (
    RELAYERS,
    find_assets,
    find_keyset,
    find_payload,
    find_resources,
    find_unsettled,
    is_gas,
)
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import (
    U64,
    Amount,
    EthereumAddress,
    NonceResource,
    Resource,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.entries import ExternalTransfer, Keyset
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.border.keysets import get_current_keyset
from streams.ledger.key_values import get_text

OPEN_MAX = 20
"""So many nonces at a time."""
AFTER_BEHIND_MAX = 10_000
SWEEP = "sweep(address,uint256,uint256)"
GAS_LOW, GAS_FILL = 5 * 10**16, 2 * 10**17
"""Below so many wei a key that pays gas gets so many more."""


class Holding(msgspec.Struct, frozen=True):
    """What an address of ours held of a token in the last final block."""

    address: str
    token: str
    amount: int


class EthereumFacts(msgspec.Struct):
    """What an instance knows. `nonce`: the hot Safe's next one in the last final block; `safes`:
    what hot and cold hold; `forwarders`: what lies at deposit addresses; `failing`: transfers whose
    execution fails at that block though the wallet has enough; `gas`: what relayers have."""

    chain_id: str
    number: int
    final: int = 0
    nonces: Mapping[str, int] = {}
    safes: Mapping[tuple[WalletKind, str], int] = {}
    forwarders: tuple[Holding, ...] = ()
    failing: frozenset[int] = frozenset()
    gas: Mapping[str, int] = {}


def make_call(token: str, to: str, amount: int) -> Call:
    """Pays coins, or a token."""
    if token == COIN:
        return Call(to, amount, b"")
    return Call(
        str(to_checksum_address(token)), 0, encode_call("transfer(address,uint256)", to, amount)
    )


def find_recipient(withdrawal: Withdrawal) -> str | None:
    destination = withdrawal.body.destination
    if not isinstance(destination, EthereumAddress):
        return None
    return str(to_checksum_address("0x" + destination.address.hex()))


def find_rejection(view: LedgerView, facts: EthereumFacts, withdrawal: Withdrawal) -> str | None:
    """Of what can never be paid: an address of our own would come back as nobody's deposit."""
    to = find_recipient(withdrawal)
    if to is None:
        return "BAD_ADDRESS"
    token = find_assets(view, facts.chain_id).get(withdrawal.asset)
    wallets = {safe for _, safe in find_safes(view, facts.chain_id).items()}
    own = to in wallets or to in view.addresses.get(facts.chain_id, ())
    return "OWN_ADDRESS" if own or (token is not None and to.lower() == token.lower()) else None


def find_safes(view: LedgerView, chain_id: str) -> dict[WalletKind, str]:
    found = {}
    for wallet in (WalletKind.HOT, WalletKind.COLD):
        keyset = get_current_keyset(view.state, chain_id, wallet)
        if keyset is not None:
            found[wallet] = read_derivation(keyset)[0]
    return found


def compute_free(view: LedgerView, facts: EthereumFacts, wallet: WalletKind, asset: str) -> int:
    """What the wallet holds and no open transfer pays out."""
    token = find_assets(view, facts.chain_id).get(asset, COIN)
    held = facts.safes.get((wallet, token), 0)
    outgoing = {TransferPurpose.REFILL}
    if wallet is WalletKind.HOT:
        outgoing.add(TransferPurpose.WITHDRAW)
    return held - sum(
        each.amount
        for each in find_unsettled(view, facts.chain_id)
        if each.asset == asset and each.wallet is wallet and each.purpose in outgoing
    )


def propose_withdrawal(
    view: LedgerView, facts: EthereumFacts, ready: Sequence[Withdrawal]
) -> CreateExternalTransfer | None:
    """The first that the hot wallet covers."""
    keyset = get_current_keyset(view.state, facts.chain_id, WalletKind.HOT)
    if keyset is None or not is_room(view, facts):
        return None
    for each in ready:
        if each.body.amount > compute_free(view, facts, WalletKind.HOT, each.asset):
            continue
        call = _make_payout(view, facts, each)
        if call is not None:
            op = make_op(
                *(view, facts, keyset, TransferPurpose.WITHDRAW, each.asset),
                int(each.body.amount),
                [call],
            )
            return msgspec.structs.replace(op, requests=(each.request.request_id,))
    return None


def is_room(view: LedgerView, facts: EthereumFacts) -> bool:
    return len(find_unsettled(view, facts.chain_id)) < OPEN_MAX


def _make_payout(view: LedgerView, facts: EthereumFacts, withdrawal: Withdrawal) -> Call | None:
    token = find_assets(view, facts.chain_id).get(withdrawal.asset)
    to = find_recipient(withdrawal)
    if token is None or to is None:
        return None
    return make_call(token, to, int(withdrawal.body.amount))


def judge_withdrawal(
    view: LedgerView,
    facts: EthereumFacts,
    op: CreateExternalTransfer,
    requests: Sequence[Withdrawal],
) -> str | None:
    if len(requests) != 1 or op.wallet is not WalletKind.HOT:
        return "WRONG_WALLET"
    call = _make_payout(view, facts, requests[0])
    if call is None:
        return "WRONG_RECIPIENTS"
    if op.amount > compute_free(view, facts, WalletKind.HOT, op.asset):
        return "NOT_ENOUGH_HERE"
    return judge_calls(view, facts, op, [call])


def judge_calls(
    view: LedgerView, facts: EthereumFacts, op: CreateExternalTransfer, calls: Sequence[Call]
) -> str | None:
    """Its bytes are those that are made here of the same calls, nonce and block."""
    keyset = get_current_keyset(view.state, facts.chain_id, op.wallet)
    try:
        transfer = read_payload(op.payload)
    except PayloadUnreadable:
        return "UNREADABLE"
    if not facts.final - AFTER_BEHIND_MAX <= transfer.after <= facts.final:
        return "NOT_FINAL_HERE"
    if keyset is None or keyset.version != op.keyset_version:
        return "KEYSET_IS_ANOTHER"
    made = make_transfer(facts.number, keyset, calls, transfer.nonce, transfer.after)
    if write_payload(made) != op.payload:
        return "WRITTEN_OTHERWISE"
    resource = Resource(NonceResource(facts.chain_id, keyset.account, U64(transfer.nonce)))
    return None if op.resources == (resource,) else "WRONG_RESOURCES"


def find_all_calls(payload: bytes) -> list[Call]:
    return find_calls(read_payload(payload))


def read_sweep(call: Call) -> tuple[str, int, int]:
    """Token, to hot, to cold. Raises `ValueError`."""
    if call.data[:4] != encode_call(SWEEP, ZERO, 0, 0)[:4] or len(call.data) != 100:
        raise ValueError("it is no sweep")
    token, to_hot, to_cold = decode_abi(["address", "uint256", "uint256"], call.data[4:])
    return (COIN if token == ZERO else str(to_checksum_address(token))), to_hot, to_cold


def review(
    view: LedgerView, facts: EthereumFacts, transfer: ExternalTransfer, payload: bytes
) -> str | None:
    """The payload is what is made here of the transfer's nonce and requests."""
    made = read_payload(payload)
    keyset = find_keyset(view, transfer, 1)
    nonces = [e.resource for e in find_resources(view, transfer)]
    if keyset is None or nonces != [NonceResource(facts.chain_id, made.safe, U64(made.nonce))]:
        return "WRONG_RESOURCES"
    if transfer.parent is not None:
        parent = find_payload(view, view.transfers[transfer.parent], 1)
        is_cancel = parent is not None and make_cancel(read_payload(parent.payload)) == made
        return None if is_cancel else "WRITTEN_OTHERWISE"
    calls = _make_calls(view, facts, transfer, payload)
    if calls is None:
        return "WRONG_RECIPIENTS"
    again = make_transfer(facts.number, keyset, calls, made.nonce, made.after)
    return None if write_payload(again) == payload else "WRITTEN_OTHERWISE"


def _make_calls(
    view: LedgerView, facts: EthereumFacts, transfer: ExternalTransfer, payload: bytes
) -> list[Call] | None:
    if transfer.purpose is TransferPurpose.SWEEP:
        calls = find_all_calls(payload)
        ours = view.addresses.get(facts.chain_id, ())
        try:
            moved = sum(to_hot + to_cold for _, to_hot, to_cold in map(read_sweep, calls))
        except ValueError:
            return None
        are_ours = all(each.to in ours and not each.wei for each in calls)
        return calls if are_ours and moved == transfer.amount else None
    if is_gas(transfer):
        calls = find_all_calls(payload)
        return calls if are_gas_calls(view, facts, calls, int(transfer.amount)) else None
    if transfer.purpose is TransferPurpose.REFILL:
        token = find_assets(view, facts.chain_id).get(transfer.asset)
        hot = find_safes(view, facts.chain_id).get(WalletKind.HOT)
        is_known = token is not None and hot is not None
        return [make_call(str(token), str(hot), int(transfer.amount))] if is_known else None
    withdrawals = [view.withdrawals.get(each) for each in transfer.requests]
    made = [None if e is None else _make_payout(view, facts, e) for e in withdrawals]
    calls = [each for each in made if each is not None]
    return calls if len(calls) == len(made) == 1 else None


def find_relayers(view: LedgerView, chain_id: str) -> tuple[str, ...]:
    """The keys that send transfers, as the ledger names them; what is no address is passed over."""
    names = (get_text(view.state, RELAYERS + chain_id) or "").split(",")
    found = (str(to_checksum_address(each)) for each in map(str.strip, names) if is_address(each))
    return tuple(dict.fromkeys(found))


def are_gas_calls(
    view: LedgerView, facts: EthereumFacts, calls: Sequence[Call], amount: int
) -> bool:
    """Whether they fill up keys that the ledger names, each once, and nothing else."""
    known = {Call(each, GAS_FILL, b"") for each in find_relayers(view, facts.chain_id)}
    return set(calls) <= known and amount == GAS_FILL * len(set(calls)) == GAS_FILL * len(calls)


def make_cancel_of(
    view: LedgerView, facts: EthereumFacts, transfer: ExternalTransfer
) -> CreateExternalTransfer | None:
    """By the same nonce, of what fails though it is its turn and there is enough."""
    payload = find_payload(view, transfer, 1)
    keyset = get_current_keyset(view.state, facts.chain_id, transfer.wallet)
    if int(transfer.transfer_id) not in facts.failing or payload is None or keyset is None:
        return None
    return CreateExternalTransfer(
        chain_id=facts.chain_id,
        wallet=transfer.wallet,
        keyset_version=keyset.version,
        purpose=TransferPurpose.CANCEL,
        asset=transfer.asset,
        amount=Amount(0),
        requests=(),
        resources=(),
        parent=transfer.transfer_id,
        submitter=None,
        payload=write_payload(make_cancel(read_payload(payload.payload))),
    )


def make_op(
    view: LedgerView,
    facts: EthereumFacts,
    keyset: Keyset,
    purpose: TransferPurpose,
    asset: str,
    amount: int,
    calls: Sequence[Call],
) -> CreateExternalTransfer:
    found = view.state.get_wallet_nonce(facts.chain_id, keyset.account)
    nonce = U64(0 if found is None else found.next)
    transfer: SafeTransfer = make_transfer(facts.number, keyset, calls, int(nonce), facts.final)
    return CreateExternalTransfer(
        chain_id=facts.chain_id,
        wallet=keyset.wallet,
        keyset_version=keyset.version,
        purpose=purpose,
        asset=asset,
        amount=Amount(amount),
        requests=(),
        resources=(Resource(NonceResource(facts.chain_id, keyset.account, nonce)),),
        parent=None,
        submitter=None,
        payload=write_payload(transfer),
    )
