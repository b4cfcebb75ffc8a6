"""What a bank or gateway takes back after it was credited, or charges: an alert burns it. Pure.

It is raised once the ledger has the credit, against whom the credit was for, once for ever. What
whoever got it has spent already stays a shortfall, of which operators are told. Fees are burned of
the operator's float, as those of chains are.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from processors.psim.banks.statements import Item
from processors.psim.chains.source import Block, ChainPayment
from processors.psim.deposit.rules import Deposit, compute_reference_text, find_owner
from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.view import LedgerView
from schemas.contract import ReferenceKind
from schemas.generated.common import Amount, BalanceID, Hash, Reference
from schemas.generated.entries import Asset
from schemas.generated.operations import CreateAmlAlert
from schemas.strkey import StrkeyError, decode_balance_id
from streams.ledger.border.network_fees import FLOAT
from streams.ledger.hashes import compute_balance_id
from streams.ledger.key_values import get_text
from streams.ledger.references import DAY_MS, is_in_window

OPERATION = "create_aml_alert"


class TakenBack(NamedTuple):
    """`key`: what took it back, for ever, which stands at `height`, as `name` says it; `payment`:
    the credit that it undoes, in `block`; None: nobody knows which. `at_ms`: when it was taken
    back. `is_charge`: it undoes nothing, but is a fee."""

    key: Hash
    height: int
    name: str
    amount: int
    at_ms: int
    payment: ChainPayment | None
    block: Block
    is_charge: bool = False


class Clawback(NamedTuple):
    """At most one is set: what is to be done, or what people must look at."""

    intent: Intent | None
    problem: str


NOTHING = Clawback(None, "")


def find_original(taken: Item, before: Sequence[Item]) -> Item | None:
    """The newest credit of that amount from the same payer's order, or else to the same reference.
    `before`: those that nothing has undone yet, oldest first."""
    for each in reversed(before):
        if each.amount != taken.amount:
            continue
        if taken.end_to_end_id and each.end_to_end_id:
            if taken.end_to_end_id == each.end_to_end_id:
                return each
        elif taken.reference and taken.reference == each.reference:
            return each
    return None


def match_reversals(
    items: Iterable[tuple[int, Item]],
) -> list[tuple[Item, tuple[int, Item] | None]]:
    """Each reversal of a credit with what it undoes, and in which statement that was. A credit is
    undone once. `items`: in their order, with their statements' numbers."""
    numbers: dict[Item, int] = {}
    found: list[tuple[Item, tuple[int, Item] | None]] = []
    for number, item in items:
        if item.is_credit and not item.is_reversal and not item.is_return:
            numbers[item] = number
        elif item.is_reversal and not item.is_credit:
            original = find_original(item, list(numbers))
            undone = None if original is None else (numbers.pop(original), original)
            found.append((item, undone))
    return found


def claw_back(view: LedgerView, chain_id: str, taken: TakenBack, asset: Asset | None) -> Clawback:
    """By the ledger as it is now."""
    key = compute_key(chain_id, taken)
    if view.is_used(key.hex()):
        return NOTHING
    if taken.is_charge:
        named = f"{chain_id}: a fee of {taken.amount} is booked ({taken.name})"
        balance_id = None if asset is None else find_float(view, chain_id, asset)
        if balance_id is None:
            return Clawback(None, f"{named}, and no float pays it: see {FLOAT}{chain_id}")
        return _burn(view, key, taken, balance_id, named)
    named = f"{chain_id}: {taken.amount} were taken back by {taken.key.hex()[:16]}"
    payment = taken.payment
    if payment is None or asset is None:
        return Clawback(None, f"{named}, and nobody knows of which credit: claw back")
    original = compute_reference_text(chain_id, payment.transaction_id, payment.ordinal)
    if not view.is_used(original):
        return NOTHING  # it is credited first, or never
    owner = find_owner(view, Deposit(chain_id, payment, taken.block, payment.amount))
    if owner is None or is_parked(view, original):
        return Clawback(None, f"{named}, which is parked: reject the request")
    balance_id = compute_balance_id(view.network_id, owner, asset.code, 0)
    return _burn(view, key, taken, balance_id, named)


def compute_key(chain_id: str, taken: TakenBack) -> Hash:
    """Of the alert, whose reference it is, too."""
    return compute_evidence_key("clawback", chain_id, taken.key)


def find_float(view: LedgerView, chain_id: str, asset: Asset) -> BalanceID | None:
    """The balance that pays what an account costs, if it is of this asset."""
    text = get_text(view.state, FLOAT + chain_id)
    try:
        found = None if text is None else decode_balance_id(text)
    except StrkeyError:
        return None
    return found if found is not None and view.books.get_asset(found) == asset.code else None


def is_parked(view: LedgerView, reference: str) -> bool:
    """As far as credits are remembered; who was credited nothing has nothing to be clawed back."""
    credit = view.credits.get(reference)
    details = {} if credit is None else json.loads(credit.details or b"{}")
    return "parked" in details


def _burn(
    view: LedgerView, key: Hash, taken: TakenBack, balance_id: BalanceID, named: str
) -> Clawback:
    text, day = key.hex(), taken.at_ms // DAY_MS
    if not is_in_window(view.get_settings(), ReferenceKind.PAYMENT, day, view.close_time_ms):
        return Clawback(None, f"{named} too long ago: claw back")
    content = {"taken_back": taken.key.hex(), "height": taken.block.height}
    details = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    body = CreateAmlAlert(balance_id, Amount(taken.amount), Reference(day, text), details, 0)
    code = view.refusals.get(text)
    problem = f"{named}, and the ledger refuses: {code}" if code else ""
    return Clawback(Intent(key, OPERATION, (body,)), problem)
