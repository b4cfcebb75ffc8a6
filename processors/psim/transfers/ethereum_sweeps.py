"""Ethereum: what is swept from forwarders, many at a nonce, and what hot asks of cold. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from processors.psim.chains.adapter import PayloadUnreadable
from processors.psim.chains.calls import encode_call
from processors.psim.chains.ethereum_transfers import ZERO, Call
from processors.psim.meanings import find_meanings
from processors.psim.transfers.ethereum_gas import judge_gas, propose_gas
from processors.psim.transfers.ethereum_rules import (
    SWEEP,
    EthereumFacts,
    Holding,
    compute_free,
    find_all_calls,
    find_safes,
    is_room,
    judge_calls,
    make_call,
    make_op,
    read_sweep,
)
from processors.psim.transfers.ledger import (
    find_assets,
    find_payload,
    find_room,
    find_unsettled,
    get_ceiling,
    get_target,
    is_gas,
)
from processors.psim.view import LedgerView
from schemas.generated.common import TransferPurpose, WalletKind
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.border.keysets import get_current_keyset

BATCH_MAX = 12
"""Forwarders swept by one transaction: its payload stays below the ledger's 8 KiB."""
WORTH = 10
"""What is swept has so many times the least deposit."""
LOW = 4
"""Below the fourth part of its target the hot wallet asks to be refilled."""


def propose_sweep(view: LedgerView, facts: EthereumFacts) -> CreateExternalTransfer | None:
    """Gas first; of one token, the largest holdings first; or from cold to hot, where hot is
    low."""
    keyset = get_current_keyset(view.state, facts.chain_id, WalletKind.HOT)
    if keyset is None or not is_room(view, facts):
        return None
    gas = propose_gas(view, facts)
    if gas is not None:
        return gas
    meanings, _ = find_meanings(view, facts.chain_id)
    for token, meaning in sorted(meanings.items()):
        asset = meaning.asset.code
        found = find_sweepable(view, facts, token, meaning.minimum)
        found = _choose(view, facts, asset, found)
        if found:
            calls = _share(view, facts, asset, token, found)
            moved = sum(each.amount for each in found)
            return make_op(view, facts, keyset, TransferPurpose.SWEEP, asset, moved, calls)
    for _, meaning in sorted(meanings.items()):
        op = _propose_refill(view, facts, meaning.asset.code)
        if op is not None:
            return op
    return None


def find_sweepable(
    view: LedgerView, facts: EthereumFacts, token: str, minimum: int
) -> list[Holding]:
    """What no open sweep moves already, and is worth its gas."""
    moving = {
        call.to
        for each in find_unsettled(view, facts.chain_id)
        if each.purpose is TransferPurpose.SWEEP
        for payload in (find_payload(view, each, 1),)
        if payload is not None
        for call in find_all_calls(payload.payload)
    }
    found = [
        each
        for each in facts.forwarders
        if each.token == token
        and each.address not in moving
        and each.amount >= max(minimum * WORTH, 1)
    ]
    return sorted(found, key=lambda each: (-each.amount, each.address))


def _choose(
    view: LedgerView, facts: EthereumFacts, asset: str, found: Sequence[Holding]
) -> list[Holding]:
    """As many as fit into a transfer and its caps; of the last one a part, if need be."""
    room = find_room(view, facts.chain_id, asset, TransferPurpose.SWEEP)
    chosen: list[Holding] = []
    for each in found[:BATCH_MAX]:
        if room > 0:
            chosen.append(replace(each, amount=min(each.amount, room)))
            room -= chosen[-1].amount
    return chosen


def _share(
    view: LedgerView, facts: EthereumFacts, asset: str, token: str, found: Sequence[Holding]
) -> list[Call]:
    """Hot is filled up to its target, the rest goes to cold."""
    lacking = max(get_target(view, asset) - compute_hot(view, facts, asset), 0)
    calls = []
    for each in found:
        to_hot = min(lacking, each.amount)
        lacking -= to_hot
        data = encode_call(SWEEP, token or ZERO, to_hot, each.amount - to_hot)
        calls.append(Call(each.address, 0, data))
    return calls


def compute_hot(view: LedgerView, facts: EthereumFacts, asset: str) -> int:
    """What the hot wallet has, will not pay out, and is on its way to it."""
    held = compute_free(view, facts, WalletKind.HOT, asset)
    for each in find_unsettled(view, facts.chain_id):
        payload = find_payload(view, each, 1)
        if payload is None or each.asset != asset:
            continue
        if each.purpose is TransferPurpose.REFILL and not is_gas(each):
            held += each.amount
        elif each.purpose is TransferPurpose.SWEEP:
            held += sum(read_sweep(call)[1] for call in find_all_calls(payload.payload))
    return held


def _propose_refill(
    view: LedgerView, facts: EthereumFacts, asset: str
) -> CreateExternalTransfer | None:
    """One at a time: people sign it."""
    keyset = get_current_keyset(view.state, facts.chain_id, WalletKind.COLD)
    hot = find_safes(view, facts.chain_id).get(WalletKind.HOT)
    held, target = compute_hot(view, facts, asset), get_target(view, asset)
    unsettled = find_unsettled(view, facts.chain_id)
    if any(each.purpose is TransferPurpose.REFILL and not is_gas(each) for each in unsettled):
        return None
    free = compute_free(view, facts, WalletKind.COLD, asset)
    room = find_room(view, facts.chain_id, asset, TransferPurpose.REFILL)
    amount = min(target - held, free, room)
    if keyset is None or hot is None or held * LOW >= target or amount <= 0:
        return None
    call = make_call(find_assets(view, facts.chain_id)[asset], hot, amount)
    return make_op(view, facts, keyset, TransferPurpose.REFILL, asset, amount, [call])


def judge_sweep(view: LedgerView, facts: EthereumFacts, op: CreateExternalTransfer) -> str | None:
    if is_gas(op):
        return judge_gas(view, facts, op)
    token = find_assets(view, facts.chain_id).get(op.asset)
    hot = find_safes(view, facts.chain_id).get(WalletKind.HOT)
    if token is None or hot is None:
        return "NO_ASSET"
    most = max(get_ceiling(view, op.asset), get_target(view, op.asset))
    room = max(most - compute_hot(view, facts, op.asset), 0)
    if op.purpose is TransferPurpose.REFILL:
        if op.wallet is not WalletKind.COLD:
            return "WRONG_WALLET"
        if op.amount > room:
            return "ABOVE_CEILING"
        return judge_calls(view, facts, op, [make_call(token, hot, int(op.amount))])
    try:
        calls = find_all_calls(op.payload)
        sweeps = [read_sweep(each) for each in calls]
    except (PayloadUnreadable, ValueError):
        return "UNREADABLE"
    held = {e.address: e.amount for e in facts.forwarders if e.token == token}
    if op.wallet is not WalletKind.HOT or len({each.to for each in calls}) != len(calls):
        return "WRONG_WALLET"
    for call, (moved, to_hot, to_cold) in zip(calls, sweeps, strict=True):
        if moved != token or to_hot + to_cold > held.get(call.to, 0) or call.wei:
            return "UNKNOWN_COIN"
    if op.amount != sum(to_hot + to_cold for _, to_hot, to_cold in sweeps):
        return "AMOUNT_MISMATCHED"
    if sum(to_hot for _, to_hot, _ in sweeps) > room:
        return "ABOVE_CEILING"
    return judge_calls(view, facts, op, calls)
