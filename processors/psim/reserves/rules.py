"""What a report says, from what a ledger says and what was seen outside. Pure.

Holdings after block B + paid, not fulfilled + debts = issued after ledger L + parked + uncredited +
dust; accounts at banks add items of their own (`accounts`). Every term is a list of named items:
what they do not explain is missing, or is a surplus.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from typing import NamedTuple

from processors.psim.chains.source import Block
from processors.psim.meanings import Meaning
from processors.psim.view import LedgerView
from schemas.codec import encode
from schemas.contract import ReferenceKind
from schemas.generated.common import U64, Amount, Hash, TransferOutcome, WalletKind
from schemas.generated.entries import TransferState
from schemas.generated.events import (
    ReserveHolding,
    ReserveItem,
    ReserveItemKind,
    ReservePlace,
    ReserveReport,
    ReserveRest,
)
from schemas.generated.requests import IssuanceRequest
from streams.ledger.references import DAY_MS, compute_first_day
from streams.ledger.reserves import HELD
from streams.ledger.sum_tree import SumTree

CYCLE_MS = 30_000
"""Reports are of the first ledger that closes in each cycle."""
LISTED_MAX = 500


class PayoutFacts(NamedTuple):
    """`waiting`: requests for withdrawals that are not fulfilled; `newest`: the number of the last
    request of all; `attested`: requests whose transfers stand as paid. Amounts by request."""

    waiting: Mapping[int, int]
    newest: int
    attested: Mapping[int, int]


class LedgerFacts(NamedTuple):
    """Of one asset after one ledger. `places`: its chain, or the accounts that it is held on;
    `checkpoints`: up to where all deposits of each are worked off. `parked`, `debts`: amounts by
    the number of the request or transfer. `transfers`: those without an outcome;
    `newest_transfer`: the number of the last one of all. `first_day`: of the references that are
    remembered; `addresses`: how many each wallet of a chain had."""

    network_id: Hash
    asset: str
    places: tuple[str, ...]
    token: str
    minimum: int
    sequence: int
    closed_at_ms: int
    issued: int
    tree: SumTree
    leaves: bytes
    parked: Mapping[int, int]
    debts: Mapping[int, int]
    transfers: Collection[int]
    newest_transfer: int
    payouts: PayoutFacts
    first_day: int
    checkpoints: tuple[int, ...]
    addresses: Mapping[WalletKind, int] = {}


class Received(NamedTuple):
    """A payment to an address of the network's own. `reference`: what its credit uses; `place`:
    which of the facts' places it came in by."""

    name: str
    reference: str
    token: str
    amount: int
    height: int
    day: int
    place: int = 0


class ChainFacts(NamedTuple):
    """Up to one block. `received`: payments that may not be credited. `holdings`: by wallet, how
    many addresses it has and what they hold of the token. `paid`: by transfer of the asset."""

    block: Block
    holdings: Mapping[WalletKind, tuple[int, int]]
    received: Sequence[Received]
    paid: Mapping[int, int]


class Outside(NamedTuple):
    """What is held, and what explains a difference, up to one block of each place."""

    places: Sequence[tuple[str, Block]]
    holdings: Sequence[ReserveHolding]
    items: Sequence[ReserveItem]


def find_facts(
    view: LedgerView,
    places: tuple[str, ...],
    token: str,
    meaning: Meaning,
    before: LedgerFacts | None,
) -> LedgerFacts:
    """After the view's newest ledger. `before`: those of an earlier one, whose tree is the same as
    long as no balance has changed."""
    asset, books = meaning.asset.code, view.books
    today = view.close_time_ms // DAY_MS
    leaves = books.list_leaves(asset)
    checkpoints = [view.get_checkpoint(each) for each in places]
    return LedgerFacts(
        network_id=view.network_id,
        asset=asset,
        places=places,
        token=token,
        minimum=meaning.minimum,
        sequence=view.sequence,
        closed_at_ms=view.close_time_ms,
        issued=books.issued.get(asset, 0),
        tree=before.tree if before and before.leaves == leaves else SumTree.make(leaves),
        leaves=leaves,
        parked={
            number: int(request.body.amount)
            for number, request in view.pending.items()
            if isinstance(request.body, IssuanceRequest) and request.body.asset == asset
        },
        debts={
            number: int(each.amount) for number, each in books.debts.items() if each.asset == asset
        },
        transfers=frozenset(
            number
            for number, each in view.transfers.items()
            if each.asset == asset and each.state is not TransferState.SETTLED
        ),
        newest_transfer=int(view.state.get_counters().transfer),
        payouts=_find_payouts(view, asset),
        first_day=compute_first_day(view.get_settings(), ReferenceKind.ISSUANCE, today),
        checkpoints=tuple(-1 if each is None else int(each.height) for each in checkpoints),
    )


def _find_payouts(view: LedgerView, asset: str) -> PayoutFacts:
    return PayoutFacts(
        waiting={
            number: int(each.body.amount)
            for number, each in view.withdrawals.items()
            if each.asset == asset
        },
        newest=int(view.state.get_counters().request),
        attested={
            int(request): int(each.amount)
            for each in view.transfers.values()
            if each.asset == asset and each.outcome is TransferOutcome.PAID
            for request in each.requests
        },
    )


def is_credited(view: LedgerView, reference: str, sequence: int) -> bool:
    """Whether a payment was credited or parked up to a ledger that this view has folded."""
    if not view.is_used(reference):
        return False
    credit = view.credits.get(reference)
    return credit is None or credit.sequence <= sequence


def make_report(facts: LedgerFacts, chain: ChainFacts) -> ReserveReport:
    """Of an asset of a chain."""
    holdings = [
        ReserveHolding(facts.places[0], wallet, U64(addresses), Amount(amount))
        for wallet, (addresses, amount) in sorted(
            chain.holdings.items(), key=lambda each: each[0].value
        )
    ]
    items = list(_find_items(facts, chain))
    return compose(facts, Outside([(facts.places[0], chain.block)], holdings, items))


def compose(facts: LedgerFacts, outside: Outside) -> ReserveReport:
    """Everybody who knows the same makes the same bytes."""
    items = sorted(
        [*_find_ledger_items(facts), *outside.items],
        key=lambda each: (each.kind.value, len(each.name), each.name),
    )
    sums = dict.fromkeys(ReserveItemKind, 0)
    for each in items:
        sums[each.kind] += each.amount
    old = sums.pop(ReserveItemKind.OLD_DUST)
    explained = sum(sums.pop(each) for each in HELD)
    held = sum(each.amount for each in outside.holdings) + explained
    owed = facts.issued + sum(sums.values())
    listed, rests = _list(items)
    (chain_id, block), *others = outside.places
    return ReserveReport(
        network_id=facts.network_id,
        asset=facts.asset,
        chain_id=chain_id,
        sequence=U64(facts.sequence),
        closed_at_ms=U64(facts.closed_at_ms),
        height=U64(block.height),
        block_hash=block.block_hash,
        also=tuple(ReservePlace(name, U64(each.height), each.block_hash) for name, each in others),
        issued=Amount(facts.issued),
        balances=U64(facts.tree.leaf_count),
        liabilities=Hash(facts.tree.root.hash),
        holdings=tuple(outside.holdings),
        items=listed,
        rests=rests,
        missing=Amount(max(owed - held, 0)),
        surplus=Amount(max(held - owed - old, 0)),
    )


def get_heights(report: ReserveReport) -> tuple[int, ...]:
    """Of its places, in their order."""
    return (int(report.height), *(int(each.height) for each in report.also))


def is_same(one: ReserveReport, other: ReserveReport) -> bool:
    """Whether nothing has changed but the time and the block."""
    return _get_essence(one) == _get_essence(other)


def _get_essence(report: ReserveReport) -> tuple[object, ...]:
    return (
        report.asset,
        report.issued,
        report.liabilities,
        report.holdings,
        report.items,
        report.rests,
    )


def _find_ledger_items(facts: LedgerFacts) -> Iterator[ReserveItem]:
    kind = ReserveItemKind
    for number, amount in facts.parked.items():
        yield ReserveItem(kind.PARKED, str(number), Amount(amount))
    for number, amount in facts.debts.items():
        yield ReserveItem(kind.DEBT, str(number), Amount(amount))


def _find_items(facts: LedgerFacts, chain: ChainFacts) -> Iterator[ReserveItem]:
    for each in chain.received:
        if each.token == facts.token and each.amount:
            found = judge(facts, each)
            if found is not None:
                yield ReserveItem(found, each.name, Amount(each.amount))
    for number, amount in chain.paid.items():
        # The block may be younger than the ledger, and hold what was committed only after it.
        is_open = number in facts.transfers or number > facts.newest_transfer
        if is_open and amount:
            yield ReserveItem(ReserveItemKind.PAID, str(number), Amount(amount))


def judge(facts: LedgerFacts, payment: Received) -> ReserveItemKind | None:
    """Of what is not known to be credited. Which references were used is remembered for some days
    alone. What is older, and worked off, was credited if it was not too little; where the least
    deposit was raised since, nobody knows."""
    is_remembered = payment.day >= facts.first_day
    if payment.amount < max(facts.minimum, 1):
        return ReserveItemKind.DUST if is_remembered else ReserveItemKind.OLD_DUST
    if is_remembered or payment.height > facts.checkpoints[payment.place]:
        return ReserveItemKind.UNCREDITED
    return None


def _list(items: list[ReserveItem]) -> tuple[tuple[ReserveItem, ...], tuple[ReserveRest, ...]]:
    rests = []
    for kind, group in groupby(items[LISTED_MAX:], key=lambda each: each.kind):
        some = tuple(group)
        digest = sha256(b"".join(encode(each) for each in some)).digest()
        total = Amount(sum(each.amount for each in some))
        rests.append(ReserveRest(kind, U64(len(some)), total, Hash(digest)))
    return tuple(items[:LISTED_MAX]), tuple(rests)
