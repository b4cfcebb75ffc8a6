"""What a bank or gateway takes back after it was credited: an alert that burns the amount. Pure.

It is raised once the ledger has the credit, against whom the credit was for, once for ever. What
whoever got it has spent already stays a shortfall, of which operators are told.
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
from schemas.generated.common import AccountID, Amount, Hash, Reference
from schemas.generated.entries import Asset
from schemas.generated.operations import CreateAmlAlert
from streams.ledger.hashes import compute_balance_id
from streams.ledger.references import DAY_MS, is_in_window

OPERATION = "create_aml_alert"


class TakenBack(NamedTuple):
    """`key`: what took it back, for ever; `payment`: the credit that it undoes, in `block`; None:
    nobody knows which. `at_ms`: when it was taken back."""

    key: Hash
    amount: int
    at_ms: int
    payment: ChainPayment | None
    block: Block


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
    key = compute_evidence_key("clawback", chain_id, taken.key)
    text, day = key.hex(), taken.at_ms // DAY_MS
    if view.is_used(text):
        return NOTHING
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
    kind = ReferenceKind.PAYMENT
    if not is_in_window(view.get_settings(), kind, day, view.close_time_ms):
        return Clawback(None, f"{named} too long ago: claw back")
    code = view.refusals.get(text)
    body = _make_alert(view, owner, asset, taken, Reference(day, text))
    problem = f"{named}, and the ledger refuses: {code}" if code else ""
    return Clawback(Intent(key, OPERATION, (body,)), problem)


def is_parked(view: LedgerView, reference: str) -> bool:
    """As far as credits are remembered; who was credited nothing has nothing to be clawed back."""
    credit = view.credits.get(reference)
    details = {} if credit is None else json.loads(credit.details or b"{}")
    return "parked" in details


def _make_alert(
    view: LedgerView, owner: AccountID, asset: Asset, taken: TakenBack, reference: Reference
) -> CreateAmlAlert:
    balance_id = compute_balance_id(view.network_id, owner, asset.code, 0)
    content = {"taken_back": taken.key.hex(), "height": taken.block.height}
    details = json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
    return CreateAmlAlert(balance_id, Amount(taken.amount), reference, details, 0)
