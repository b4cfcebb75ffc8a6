"""What a report says of an asset that is held at banks and gateways. Pure.

A balance is what the last statement or event states. Every movement of it is known in the ledger,
or is an item by its entry; what is neither is missing.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from processors.psim.banks.movements import Flow, Movement
from processors.psim.banks.payouts import make_reference as make_bank_reference
from processors.psim.chains.source import COIN, Block
from processors.psim.gateways.orders import make_reference as make_gateway_reference
from processors.psim.reserves.rules import LedgerFacts, Outside, Received, compose, judge
from schemas.generated.common import U64, Amount, Hash, WalletKind
from schemas.generated.events import ReserveHolding, ReserveItem, ReserveItemKind, ReserveReport
from streams.ledger.references import DAY_MS

GRACE_MS = 3 * DAY_MS
"""How long what was taken back or charged explains a difference: until then it is burned of who
was credited, or of the operator's float. Afterwards it is missing."""
NUMBER_DIGITS_MAX = 20


class Account(NamedTuple):
    """After one statement or event. `movements`: all up to it."""

    chain_id: str
    block: Block
    balance: int
    movements: Sequence[Movement]


def find_request(network_id: Hash, reference: str) -> int | None:
    """The request that an order's reference is of; None: it is none of the network's."""
    digits = reference.rpartition("-")[2]
    if not digits.isdecimal() or len(digits) > NUMBER_DIGITS_MAX:
        return None
    number = int(digits)
    made = (make(network_id, number) for make in (make_bank_reference, make_gateway_reference))
    return number if reference in made else None


def make_account_report(
    facts: LedgerFacts, accounts: Sequence[Account], is_done: Callable[[str], bool]
) -> ReserveReport:
    """`is_done`: whether the ledger of `facts` had used a reference, as a credit or an alert."""
    return compose(
        facts,
        Outside(
            places=[(each.chain_id, each.block) for each in accounts],
            holdings=list(_show_holdings(accounts)),
            items=list(_find_items(facts, accounts, is_done)),
        ),
    )


def _show_holdings(accounts: Sequence[Account]) -> Iterator[ReserveHolding]:
    """What an asset leaves by is the last."""
    for each in accounts:
        wallet = WalletKind.HOT if each is accounts[-1] else WalletKind.DEPOSIT
        yield ReserveHolding(each.chain_id, wallet, U64(1), Amount(max(each.balance, 0)))


def _find_items(
    facts: LedgerFacts, accounts: Sequence[Account], is_done: Callable[[str], bool]
) -> Iterator[ReserveItem]:
    kind, paid = ReserveItemKind, set[int]()
    for place, account in enumerate(accounts):
        if account.balance < 0:
            yield ReserveItem(kind.OVERDRAWN, account.chain_id, Amount(-account.balance))
        for each in account.movements:
            found: ReserveItemKind | None = None
            amount = each.amount
            if each.flow is Flow.IN and not is_done(each.reference):
                found = judge(facts, _make_received(each, place))
            elif each.flow is Flow.OUT:
                amount = _find_paid(facts, each, paid)
                found = kind.PAID if amount else None
            elif each.flow is Flow.TAKEN_BACK and _explains(facts, each, is_done):
                found = kind.TAKEN_BACK
            elif each.flow is Flow.CHARGED and _is_fresh(facts, each, is_done):
                found = kind.CHARGED
            if found is not None:
                yield ReserveItem(found, f"{account.chain_id} {each.name}", Amount(amount))
    for request, attested in facts.payouts.attested.items():
        if request not in paid:
            yield ReserveItem(kind.UNDEBITED, str(request), Amount(attested))


def _make_received(each: Movement, place: int) -> Received:
    day = each.at_ms // DAY_MS
    return Received(each.name, each.reference, COIN, each.amount, each.height, day, place)


def _find_paid(facts: LedgerFacts, each: Movement, paid: set[int]) -> int:
    """What a debit explains: the first of a request that is not fulfilled yet, up to its amount.
    A request that is younger than the ledger was fulfilled by nobody then."""
    request = find_request(facts.network_id, each.reference)
    if request is None or request in paid:
        return 0
    paid.add(request)
    if request > facts.payouts.newest:
        return each.amount
    return min(each.amount, facts.payouts.waiting.get(request, 0))


def _explains(facts: LedgerFacts, each: Movement, is_done: Callable[[str], bool]) -> bool:
    """Of what was taken back: what it undoes is still an item itself, or it may be burned yet."""
    if not each.undoes or is_done(each.reference):
        return False
    is_remembered = each.at_ms // DAY_MS >= facts.first_day
    return (is_remembered and not is_done(each.undoes)) or _is_fresh(facts, each, is_done)


def _is_fresh(facts: LedgerFacts, each: Movement, is_done: Callable[[str], bool]) -> bool:
    return facts.closed_at_ms < each.at_ms + GRACE_MS and not is_done(each.reference)
