"""Bitcoin: what is swept from deposit addresses, and what hot asks of cold. Pure.

Only what is credited already, or parked, is swept: coins up to the ledger's checkpoint. Dust is
left until it pays.
"""

from collections.abc import Sequence

from processors.psim.chains.bitcoin_addresses import CHANGE
from processors.psim.chains.bitcoin_transfers import Coin, Output, compute_size, read_payload
from processors.psim.transfers.bitcoin_rules import (
    DUST,
    INPUTS_MAX,
    SPLIT_MIN,
    BitcoinFacts,
    find_free,
    find_script,
    judge_coins,
    judge_fee,
    make_transfer,
)
from processors.psim.transfers.ledger import find_room, find_unsettled, get_ceiling, get_target
from processors.psim.view import LedgerView
from schemas.generated.common import TransferPurpose, WalletKind
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.border.keysets import get_current_keyset

WORTH = 3
"""A coin at a deposit address is worth sweeping from so many times what spending it costs."""
FEE_SHARE = 10
"""A sweep costs at most the tenth part of what it moves."""
LOW = 4
"""Below the fourth part of its target the hot wallet asks to be refilled."""


def compute_hot(view: LedgerView, facts: BitcoinFacts) -> int:
    """What the hot wallet has and is on its way to it."""
    held = sum(c.satoshis for c in facts.coins.values() if c.keyset.wallet is WalletKind.HOT)
    script = find_script(view, facts, WalletKind.HOT)
    for transfer in find_unsettled(view, facts.chain_id):
        payload = view.state.get_transfer_payload(transfer.transfer_id, 1)
        if payload is not None and transfer.purpose in (
            TransferPurpose.SWEEP,
            TransferPurpose.REFILL,
        ):
            outputs = read_payload(payload.payload).outputs
            held += sum(each.satoshis for each in outputs if each.script == script)
    return held


def propose_sweep(
    view: LedgerView, facts: BitcoinFacts, asset: str
) -> CreateExternalTransfer | None:
    """The largest coins of one keyset that are worth it, to hot up to its target, the rest to cold;
    or, where there is nothing to sweep and hot is low, from cold to hot."""
    checkpoint = view.get_checkpoint(facts.chain_id)
    until = -1 if checkpoint is None else int(checkpoint.height)
    coins = [
        each
        for each in find_free(view, facts, WalletKind.DEPOSIT)
        if each.height <= until and is_worth_it(facts, each)
    ]
    if not coins:
        return _propose_refill(view, facts, asset)
    keyset = min((each.keyset for each in coins), key=lambda each: each.version)
    chosen = _choose(view, facts, asset, [each for each in coins if each.keyset == keyset])
    if not chosen:
        return None
    total = sum(each.satoshis for each in chosen)
    fee = facts.rate * compute_size(keyset, len(chosen), 2)
    outputs = _share(view, facts, asset, total - fee)
    if not outputs or fee * FEE_SHARE > total:
        return None
    moved = sum(each.satoshis for each in outputs)
    return make_transfer(facts, keyset, TransferPurpose.SWEEP, asset, moved, chosen, outputs)


def _choose(view: LedgerView, facts: BitcoinFacts, asset: str, coins: Sequence[Coin]) -> list[Coin]:
    """As many as fit into a transfer and its caps."""
    room = find_room(view, facts.chain_id, asset, TransferPurpose.SWEEP)
    chosen: list[Coin] = []
    for each in coins:
        if len(chosen) < INPUTS_MAX and each.satoshis <= room:
            chosen.append(each)
            room -= each.satoshis
    return chosen


def is_worth_it(facts: BitcoinFacts, coin: Coin) -> bool:
    one = compute_size(coin.keyset, 1, 0) * facts.rate
    return coin.satoshis >= max(WORTH * one, DUST)


def _share(view: LedgerView, facts: BitcoinFacts, asset: str, amount: int) -> list[Output]:
    hot = find_script(view, facts, WalletKind.HOT)
    cold = find_script(view, facts, WalletKind.COLD)
    lacking = max(get_target(view, asset) - compute_hot(view, facts), 0)
    to_hot = 0 if hot is None else min(lacking, amount)
    to_cold = amount - to_hot
    if cold is None or (0 < to_cold < SPLIT_MIN and to_hot):
        to_hot, to_cold = amount, 0
    elif 0 < to_hot < SPLIT_MIN and to_cold:
        to_hot, to_cold = 0, amount
    shares = [(hot, to_hot), (cold, to_cold)]
    return [Output(script, each) for script, each in shares if script is not None and each >= DUST]


def _propose_refill(
    view: LedgerView, facts: BitcoinFacts, asset: str
) -> CreateExternalTransfer | None:
    """One at a time: people sign it."""
    keyset = get_current_keyset(view.state, facts.chain_id, WalletKind.COLD)
    hot, target = find_script(view, facts, WalletKind.HOT), get_target(view, asset)
    held = compute_hot(view, facts)
    unsettled = find_unsettled(view, facts.chain_id)
    is_asked = any(each.purpose is TransferPurpose.REFILL for each in unsettled)
    if keyset is None or hot is None or is_asked or held * LOW >= target:
        return None
    coins = [e for e in find_free(view, facts, WalletKind.COLD) if e.keyset == keyset]
    coins, lacking = coins[:INPUTS_MAX], target - held
    total = sum(each.satoshis for each in coins)
    fee = facts.rate * compute_size(keyset, len(coins), 2)
    room = find_room(view, facts.chain_id, asset, TransferPurpose.REFILL)
    amount = min(lacking, total - fee, room)
    if amount < SPLIT_MIN:
        return None
    outputs = [Output(hot, amount)]
    if total - fee - amount >= DUST:
        change = facts.network.derive_script(keyset, 0, CHANGE)
        outputs.append(Output(change, total - fee - amount))
    return make_transfer(facts, keyset, TransferPurpose.REFILL, asset, amount, coins, outputs)


def judge_sweep(
    view: LedgerView, facts: BitcoinFacts, op: CreateExternalTransfer, asset: str
) -> str | None:
    """It goes to our wallets alone, to the hot one not above its ceiling."""
    keyset = view.state.get_keyset(facts.chain_id, op.wallet, op.keyset_version)
    is_refill = op.purpose is TransferPurpose.REFILL
    if keyset is None or op.wallet is not (WalletKind.COLD if is_refill else WalletKind.DEPOSIT):
        return "WRONG_WALLET"
    transfer, code = judge_coins(view, facts, op, keyset)
    if transfer is None or code is not None:
        return code
    hot = find_script(view, facts, WalletKind.HOT)
    rest = find_script(view, facts, WalletKind.COLD)
    if is_refill:
        rest = facts.network.derive_script(keyset, 0, CHANGE)
    if len(transfer.outputs) > 2 or any(e.script not in (hot, rest) for e in transfer.outputs):
        return "WRONG_RECIPIENTS"
    to_hot = sum(each.satoshis for each in transfer.outputs if each.script == hot)
    moved = to_hot if is_refill else sum(each.satoshis for each in transfer.outputs)
    if op.asset != asset or op.amount != moved:
        return "AMOUNT_MISMATCHED"
    if rest is not None and to_hot and compute_hot(view, facts) + to_hot > _get_most(view, asset):
        return "ABOVE_CEILING"
    checkpoint = view.get_checkpoint(facts.chain_id)
    until = -1 if checkpoint is None else int(checkpoint.height)
    heights = [facts.coins[each.outpoint].height for each in transfer.inputs]
    if not is_refill and max(heights) > until:
        return "NOT_CREDITED_YET"
    if not is_refill and transfer.fee * FEE_SHARE > moved + transfer.fee:
        return "FEE_TOO_HIGH"
    return judge_fee(facts, transfer, keyset)


def _get_most(view: LedgerView, asset: str) -> int:
    """A small rest goes to hot, too, rather than into an output of its own."""
    return max(get_ceiling(view, asset), get_target(view, asset)) + SPLIT_MIN
