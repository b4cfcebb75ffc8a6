"""Bitcoin: which coins pay what, and whether somebody else's choice of them is right. Pure.

A proposer chooses; others check the choice against what they know themselves: coins, recipients,
change, fee. Only final coins are spent, so change comes back into use after some blocks; it is
split, so that several transfers can go out at once.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from processors.psim.chains.adapter import PayloadUnreadable
from processors.psim.chains.bitcoin_addresses import CHANGE, RECEIVING, Network
from processors.psim.chains.bitcoin_transfers import (
    BitcoinTransfer,
    Coin,
    Outpoint,
    Output,
    compute_size,
    make_input,
    make_payload,
    read_payload,
)
from processors.psim.transfers.desk import Bump
from processors.psim.transfers.ledger import is_utxo_free
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import (
    Amount,
    BitcoinAddress,
    Resource,
    TransferPurpose,
    UtxoResource,
    WalletKind,
)
from schemas.generated.entries import ExternalTransfer, Keyset
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.border.keysets import get_current_keyset
from streams.ledger.border.resources import compute_resource_id

INPUTS_MAX, REQUESTS_MAX, CHANGE_MAX = 14, 30, 3
"""So a payload stays below the 8 KiB that the ledger takes."""
COINS_TARGET = 8
"""How many coins the hot wallet should have, to be spent at the same time."""
DUST = 1_000
"""Satoshis: less is not worth an output."""
SPLIT_MIN = 100_000
"""Change that would be less is not split."""
RATE_MIN, RATE_MAX, RATE_SANE = 1, 500, 4
"""Satoshis for each virtual byte; and how many times its own estimate an instance agrees to."""
LOCK_BEHIND_MAX = 1_000


class BitcoinFacts(msgspec.Struct):
    """What an instance knows of the chain. `coins`: final ones that nothing spends; `rate`:
    satoshis for each virtual byte."""

    network: Network
    final: int = 0
    coins: Mapping[Outpoint, Coin] = {}
    rate: int = RATE_MIN

    @property
    def chain_id(self) -> str:
        return self.network.chain_id


def find_free(view: LedgerView, facts: BitcoinFacts, wallet: WalletKind) -> list[Coin]:
    """The largest first."""
    found = [
        each
        for each in facts.coins.values()
        if each.keyset.wallet is wallet and is_utxo_free(view, make_resource(facts, each.outpoint))
    ]
    return sorted(found, key=lambda each: (-each.satoshis, each.outpoint))


def make_resource(facts: BitcoinFacts, outpoint: Outpoint) -> UtxoResource:
    return UtxoResource(facts.chain_id, outpoint.transaction_id, outpoint.output_index)


# Withdrawals


def propose_withdrawal(
    view: LedgerView, facts: BitcoinFacts, ready: Sequence[Withdrawal]
) -> CreateExternalTransfer | None:
    """As many of the first requests as the coins at hand pay in one transaction."""
    keyset = get_current_keyset(view.state, facts.chain_id, WalletKind.HOT)
    coins = find_free(view, facts, WalletKind.HOT)
    for count in range(min(len(ready), REQUESTS_MAX), 0, -1):
        if keyset is None:
            return None
        chosen = sorted(ready[:count], key=lambda each: each.request.request_id)
        outputs = [make_output(facts, each) for each in chosen]
        made = _fund(facts, keyset, coins, outputs)
        if made is not None:
            spent, outputs = made
            amount = sum(each.body.amount for each in chosen)
            op = make_transfer(
                facts, keyset, TransferPurpose.WITHDRAW, chosen[0].asset, amount, spent, outputs
            )
            return _with_requests(op, chosen)
    return None


def make_output(facts: BitcoinFacts, withdrawal: Withdrawal) -> Output:
    """Raises `ValueError` for an address that is none of the network's."""
    destination = withdrawal.body.destination
    if not isinstance(destination, BitcoinAddress):
        raise ValueError("the destination is none of Bitcoin's")  # noqa: TRY004 - a value of a user
    script = facts.network.decode_address(destination.address)
    return Output(script, int(withdrawal.body.amount))


def find_rejection(facts: BitcoinFacts, withdrawal: Withdrawal) -> str | None:
    try:
        output = make_output(facts, withdrawal)
    except ValueError:
        return "BAD_ADDRESS"
    return "DUST" if output.satoshis < DUST else None


def _fund(
    facts: BitcoinFacts, keyset: Keyset, coins: Sequence[Coin], outputs: list[Output]
) -> tuple[list[Coin], list[Output]] | None:
    """Coins that pay the outputs and the fee, with the change among the outputs."""
    needed = sum(each.satoshis for each in outputs)
    for count in range(1, min(len(coins), INPUTS_MAX) + 1):
        spent = list(coins[:count])
        total = sum(each.satoshis for each in spent)
        for parts in range(_count_change(coins, count), -1, -1):
            fee = facts.rate * compute_size(keyset, count, len(outputs) + parts)
            change = total - needed - fee
            if change < 0 or (parts and change < (DUST if parts == 1 else parts * SPLIT_MIN)):
                continue
            if not parts and change >= DUST:
                continue  # so much is not left to the miners
            return spent, [*outputs, *_split(facts, keyset, change, parts)]
    return None


def _count_change(coins: Sequence[Coin], spent: int) -> int:
    """One, or more where coins are few."""
    return max(1, min(CHANGE_MAX, COINS_TARGET - (len(coins) - spent)))


def _split(facts: BitcoinFacts, keyset: Keyset, change: int, parts: int) -> list[Output]:
    if not parts:
        return []
    script = facts.network.derive_script(keyset, 0, CHANGE)
    sizes = [change // parts] * parts
    sizes[0] += change - sum(sizes)
    return [Output(script, each) for each in sizes]


def judge_withdrawal(
    view: LedgerView,
    facts: BitcoinFacts,
    op: CreateExternalTransfer,
    requests: Sequence[Withdrawal],
) -> str | None:
    """Everything that a proposer chose, against what is known here."""
    keyset = get_current_keyset(view.state, facts.chain_id, WalletKind.HOT)
    if keyset is None or op.wallet is not WalletKind.HOT:
        return "WRONG_WALLET"
    transfer, code = judge_coins(view, facts, op, keyset)
    if transfer is None or code is not None:
        return code
    paid, change = transfer.outputs[: len(requests)], transfer.outputs[len(requests) :]
    if list(paid) != [make_output(facts, each) for each in requests]:
        return "WRONG_RECIPIENTS"
    script = facts.network.derive_script(keyset, 0, CHANGE)
    if len(change) > CHANGE_MAX or any(e.script != script or e.satoshis < DUST for e in change):
        return "WRONG_CHANGE"
    return judge_fee(facts, transfer, keyset)


def judge_coins(
    view: LedgerView, facts: BitcoinFacts, op: CreateExternalTransfer, keyset: Keyset
) -> tuple[BitcoinTransfer | None, str | None]:
    """That it spends final, free coins of the keyset, says so, and is written as we write it."""
    try:
        transfer = read_payload(op.payload)
    except PayloadUnreadable:
        return None, "UNREADABLE"
    if not facts.final - LOCK_BEHIND_MAX <= transfer.lock_height <= facts.final:
        return None, "NOT_FINAL_HERE"
    coins = [facts.coins.get(each.outpoint) for each in transfer.inputs]
    known = [
        each
        for each in coins
        if each is not None and each.height <= transfer.lock_height and each.keyset == keyset
    ]
    if len(known) != len(coins):
        return None, "UNKNOWN_COIN"
    resources = tuple(Resource(make_resource(facts, each.outpoint)) for each in known)
    if op.resources != resources:
        return None, "WRONG_RESOURCES"
    if not all(is_utxo_free(view, make_resource(facts, each.outpoint)) for each in known):
        return None, "RESOURCE_IN_USE"
    inputs = [make_input(facts.network, each) for each in known]
    if make_payload(inputs, transfer.outputs, transfer.lock_height) != op.payload:
        return None, "WRITTEN_OTHERWISE"
    return transfer, None


def judge_fee(facts: BitcoinFacts, transfer: BitcoinTransfer, keyset: Keyset) -> str | None:
    """Between what nodes relay and what is sane for the chain now."""
    size = compute_size(keyset, len(transfer.inputs), len(transfer.outputs))
    if transfer.fee < size * RATE_MIN:
        return "FEE_TOO_LOW"
    most = min(RATE_MAX, RATE_SANE * facts.rate) * size + DUST
    return "FEE_TOO_HIGH" if transfer.fee > most else None


def find_script(view: LedgerView, facts: BitcoinFacts, wallet: WalletKind) -> bytes | None:
    """Where a wallet receives."""
    keyset = get_current_keyset(view.state, facts.chain_id, wallet)
    return None if keyset is None else facts.network.derive_script(keyset, 0, RECEIVING)


def review(
    view: LedgerView,
    facts: BitcoinFacts,
    transfer: ExternalTransfer,
    payload: bytes,
    keyset: Keyset,
) -> str | None:
    """Every amount that is spent is signed for, so a payload cannot hide a fee."""
    found = read_payload(payload)
    spent = [Resource(make_resource(facts, each.outpoint)) for each in found.inputs]
    if tuple(map(compute_resource_id, spent)) != transfer.resources:
        return "WRONG_RESOURCES"
    requests = [view.withdrawals.get(each) for each in transfer.requests]
    known = [make_output(facts, each) for each in requests if each is not None]
    rest = found.outputs[len(requests) :]
    if len(known) != len(requests) or list(found.outputs[: len(requests)]) != known:
        return "WRONG_RECIPIENTS"
    ours = {find_script(view, facts, WalletKind.HOT), find_script(view, facts, WalletKind.COLD)}
    if transfer.purpose is not TransferPurpose.SWEEP:
        change = facts.network.derive_script(keyset, 0, CHANGE)
        hot = find_script(view, facts, WalletKind.HOT)
        ours = {change} if requests else {hot, change}
    if any(each.script not in ours for each in rest):
        return "WRONG_CHANGE"
    size = compute_size(keyset, len(found.inputs), len(found.outputs))
    return None if found.fee <= size * RATE_MAX + DUST else "FEE_TOO_HIGH"


def make_bump(
    view: LedgerView,
    facts: BitcoinFacts,
    transfer: ExternalTransfer,
    payload: bytes,
    keyset: Keyset,
) -> Bump | None:
    """Half as much fee again, out of the last output that is no recipient's; where that does not
    do, a withdrawal spends one more coin. None: there is no coin, or the fee is above its cap."""
    before = read_payload(payload)
    size = compute_size(keyset, len(before.inputs), len(before.outputs))
    outputs = list(before.outputs)
    change = outputs.pop() if len(outputs) > len(transfer.requests) else None
    fee = before.fee + max(before.fee // 2, size * RATE_MIN)
    left = before.fee + (0 if change is None else change.satoshis) - fee
    if change is not None and left >= DUST and fee <= size * RATE_MAX:
        outputs.append(Output(change.script, left))
        return Bump(make_payload(before.inputs, outputs, before.lock_height))
    if transfer.purpose is not TransferPurpose.WITHDRAW or len(before.inputs) >= INPUTS_MAX:
        return None
    size_after = compute_size(keyset, len(before.inputs) + 1, len(outputs) + 1)
    fee = fee * size_after // size + 1
    lacking = DUST + fee - before.fee - (0 if change is None else change.satoshis)
    coin = _find_further(view, facts, keyset, lacking)
    if coin is None or fee > size_after * RATE_MAX:
        return None
    outputs.append(
        Output(facts.network.derive_script(keyset, 0, CHANGE), coin.satoshis - lacking + DUST)
    )
    inputs = (*before.inputs, make_input(facts.network, coin))
    made = make_payload(inputs, outputs, before.lock_height)
    return Bump(made, (Resource(make_resource(facts, coin.outpoint)),))


def _find_further(
    view: LedgerView, facts: BitcoinFacts, keyset: Keyset, satoshis: int
) -> Coin | None:
    """The smallest that suffices, among those that every instance knows: up to the ledger's
    checkpoint."""
    checkpoint = view.get_checkpoint(facts.chain_id)
    until = -1 if checkpoint is None else int(checkpoint.height)
    found = [
        each
        for each in find_free(view, facts, WalletKind.HOT)
        if each.keyset == keyset and each.height <= until and each.satoshis >= satoshis
    ]
    return min(found, key=lambda each: (each.satoshis, each.outpoint), default=None)


def make_transfer(
    facts: BitcoinFacts,
    keyset: Keyset,
    purpose: TransferPurpose,
    asset: str,
    amount: int,
    spent: Sequence[Coin],
    outputs: Sequence[Output],
) -> CreateExternalTransfer:
    inputs = [make_input(facts.network, each) for each in spent]
    return CreateExternalTransfer(
        chain_id=facts.chain_id,
        wallet=keyset.wallet,
        keyset_version=keyset.version,
        purpose=purpose,
        asset=asset,
        amount=Amount(amount),
        requests=(),
        resources=tuple(Resource(make_resource(facts, each.outpoint)) for each in spent),
        parent=None,
        submitter=None,
        payload=make_payload(inputs, outputs, facts.final),
    )


def _with_requests(
    op: CreateExternalTransfer, requests: Iterable[Withdrawal]
) -> CreateExternalTransfer:
    numbers = tuple(each.request.request_id for each in requests)
    return msgspec.structs.replace(op, requests=numbers)
