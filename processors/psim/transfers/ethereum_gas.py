"""Ethereum: coins for gas, which go from the hot wallet to the keys that send transfers. Pure.

The ledger names those keys (`relayers:CHAIN`), so nobody can be paid who is not there. What they
get is a network fee: the settlement burns it from the operator's float, as fees of other chains.
"""

from processors.psim.chains.adapter import PayloadUnreadable
from processors.psim.chains.source import COIN
from processors.psim.transfers.ethereum_rules import (
    GAS_FILL,
    GAS_LOW,
    EthereumFacts,
    are_gas_calls,
    compute_free,
    find_all_calls,
    find_relayers,
    judge_calls,
    make_call,
    make_op,
)
from processors.psim.transfers.ledger import (
    find_coin_asset,
    find_room,
    find_unsettled,
    is_gas,
)
from processors.psim.view import LedgerView
from schemas.generated.common import TransferPurpose, WalletKind
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.border.keysets import get_current_keyset

LATER = 2
"""A peer may have seen the key before it has paid for what made it low: so many times `GAS_LOW`."""


def propose_gas(view: LedgerView, facts: EthereumFacts) -> CreateExternalTransfer | None:
    """For all keys that are low, one transfer at a time."""
    asset = find_coin_asset(view, facts.chain_id)
    keyset = get_current_keyset(view.state, facts.chain_id, WalletKind.HOT)
    low = [e for e in find_relayers(view, facts.chain_id) if facts.gas.get(e, GAS_LOW) < GAS_LOW]
    is_asked = any(is_gas(each) for each in find_unsettled(view, facts.chain_id))
    if not low or asset is None or keyset is None or is_asked:
        return None
    purpose, amount = TransferPurpose.REFILL, GAS_FILL * len(low)
    room = find_room(view, facts.chain_id, asset, purpose)
    if amount > min(room, compute_free(view, facts, WalletKind.HOT, asset)):
        return None
    calls = [make_call(COIN, each, GAS_FILL) for each in low]
    return make_op(view, facts, keyset, purpose, asset, amount, calls)


def judge_gas(view: LedgerView, facts: EthereumFacts, op: CreateExternalTransfer) -> str | None:
    try:
        calls = find_all_calls(op.payload)
    except PayloadUnreadable:
        return "UNREADABLE"
    if op.asset != find_coin_asset(view, facts.chain_id):
        return "NO_ASSET"
    if not are_gas_calls(view, facts, calls, int(op.amount)):
        return "WRONG_RECIPIENTS"
    if any(facts.gas.get(each.to, 0) >= LATER * GAS_LOW for each in calls):
        return "GAS_IS_NOT_LOW"
    if op.amount > compute_free(view, facts, WalletKind.HOT, op.asset):
        return "NOT_ENOUGH_HERE"
    return judge_calls(view, facts, op, calls)
