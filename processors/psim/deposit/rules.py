"""What becomes of one payment that arrived at an address of the network's own. Pure.

A deposit is a final fact: a payment in a final block, with what was measured of it. What is done
about it follows from the ledger alone, so every instance that knows both decides the same.
"""

import json
from enum import StrEnum
from typing import NamedTuple

from processors.psim.banks.returns import RETURNED, find_receiver
from processors.psim.chains.source import Block, ChainPayment
from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.meanings import Meaning
from processors.psim.view import LedgerView
from schemas.contract import ReferenceKind
from schemas.generated.common import AccountID, Amount, Hash, Reference
from schemas.generated.entries import Asset
from schemas.generated.operations import CreateIssuanceRequest, IssuanceToAccount
from schemas.tasks import Task
from streams.ledger.border.addresses import REST_MS
from streams.ledger.border.chains import is_bank
from streams.ledger.references import DAY_MS, is_in_window
from streams.ledger.values import AMOUNT_MAX

OPERATION = "create_issuance_request"
UNOWNED_MS = 24 * 60 * 60 * 1000
"""How long a payment to an address that nobody has yet waits for its owner."""


class Stand(StrEnum):
    """Where a deposit stands. The first three ask for nothing more."""

    DONE = "done"
    DUST = "dust"
    LATE = "late"
    UNOWNED = "unowned"
    CREDIT = "credit"
    PARK = "park"
    STUCK = "stuck"


ENDED = frozenset({Stand.DONE, Stand.DUST, Stand.LATE})

WAIT_CODES = frozenset(
    {
        "ASSET_HALTED",
        "EXCEEDS_MAX_ISSUANCE_AMOUNT",
        "ISSUANCE_TASKS_NOT_FOUND",
        "NOT_AUTHORIZED",
        "NO_ROLE_PERMISSION",
        "NO_ENTRY",
        "OPERATION_FEE_NOT_COVERED",
        "REFERENCE_QUOTA_EXCEEDED",
        "ROLLED_BACK",
        "SKIPPED",
        "GOVERNED_CHANGE_NEEDED",
    }
)
"""Refusals whose cause somebody can remove: the same is offered again, in later windows."""

PARK_CODES = frozenset(
    {
        "NO_COUNTERPARTY",
        "COUNTERPARTY_NOT_ALLOWED",
        "ASSET_MISMATCHED",
        "FEE_EXCEEDS_AMOUNT",
        "RECEIVER_FULL_LINE",
    }
)
"""Refusals because of who should receive it: it is parked."""

DONE_CODES = frozenset({"REFERENCE_DUPLICATION"})
LATE_CODES = frozenset({"REFERENCE_OUT_OF_WINDOW"})
BROKEN_CODES = frozenset(
    {
        "INVALID_AMOUNT",
        "INVALID_REFERENCE",
        "INVALID_CREATOR_DETAILS",
        "SYSTEM_TASKS_NOT_ALLOWED",
        "ASSET_REMOVED",
    }
)
"""Refusals that only a defect or a removed asset explains: somebody has to look."""


class Deposit(NamedTuple):
    """A payment in a final block. `measured`: what of its amount has surely arrived."""

    chain_id: str
    payment: ChainPayment
    block: Block
    measured: int


class Decision(NamedTuple):
    """`intent` where something is to be done; `reason`: a code, for people."""

    stand: Stand
    intent: Intent | None = None
    reason: str = ""


def compute_reference_text(chain_id: str, transaction_id: Hash, ordinal: int) -> str:
    """What makes a credit of the payment unique for ever, whichever block it is in."""
    return compute_evidence_key("deposit", chain_id, transaction_id, ordinal).hex()


def show_transaction_id(chain_id: str, transaction_id: Hash) -> str:
    """As people of the chain read it: Bitcoin's backwards, Ethereum's with 0x."""
    if chain_id.startswith("bip122:"):
        return transaction_id[::-1].hex()
    return ("0x" if chain_id.startswith("eip155:") else "") + transaction_id.hex()


def is_of_chain(details: bytes, chain_id: str, height: int) -> bool:
    """Whether a credit, by its details, is of a block of the chain above a height."""
    content = json.loads(details or b"null")
    if not isinstance(content, dict) or content.get("chain") != chain_id:
        return False
    return isinstance(content.get("height"), int) and content["height"] > height


def decide(
    view: LedgerView, deposit: Deposit, meanings: dict[str, Meaning], suspense: AccountID
) -> Decision:
    """By the ledger as it is now."""
    payment, block = deposit.payment, deposit.block
    text = compute_reference_text(deposit.chain_id, payment.transaction_id, payment.ordinal)
    code = view.refusals.get(text)
    if view.is_used(text) or code in DONE_CODES:
        return Decision(Stand.DONE)
    meaning = meanings.get(payment.token)
    if meaning is None:
        return Decision(Stand.STUCK, reason="NO_ASSET")
    if deposit.measured < max(meaning.minimum, 1):
        return Decision(Stand.DUST)
    if deposit.measured > AMOUNT_MAX:
        return Decision(Stand.STUCK, reason="AMOUNT_TOO_LARGE")
    day = block.time_ms // DAY_MS
    if code in LATE_CODES or not is_in_window(
        view.get_settings(), ReferenceKind.ISSUANCE, day, view.close_time_ms
    ):
        return Decision(Stand.LATE)
    if code in BROKEN_CODES:
        return Decision(Stand.STUCK, reason=code or "")
    reference = Reference(day, text)
    owner = find_owner(view, deposit)
    reason = _find_park_reason(view, deposit, owner, code)
    if reason is not None:
        details = _describe(deposit, reason)
        body = _issue(meaning.asset, deposit, suspense, reference, details, int(Task.PARK))
        return Decision(Stand.PARK, _intend(text, body), reason)
    if owner is None:
        return Decision(Stand.UNOWNED)
    body = _issue(meaning.asset, deposit, owner, reference, _describe(deposit), None)
    return Decision(Stand.CREDIT, _intend(text, body), code or "")


def find_owner(view: LedgerView, deposit: Deposit) -> AccountID | None:
    """The one account that the address was ever bound to. A bank's reference passes on after a
    rest, within which payments are still of who had it last on the day of the booking; a payout
    that a bank gives back is of who asked for it."""
    chain_id, address = deposit.chain_id, deposit.payment.address
    if is_bank(chain_id) and address.startswith(RETURNED):
        return find_receiver(view, chain_id, address, deposit.payment.amount)
    first = view.state.get_external_binding(chain_id, address, 1)
    if first is None or not is_bank(chain_id):
        return None if first is None else first.account_id
    owner, number = None, 1
    while (each := view.state.get_external_binding(chain_id, address, number)) is not None:
        is_over = each.until_ms is not None and each.until_ms + REST_MS <= deposit.block.time_ms
        if each.from_ms < deposit.block.time_ms + DAY_MS:
            owner = None if is_over else each.account_id
        number += 1
    return owner


def _find_park_reason(
    view: LedgerView, deposit: Deposit, owner: AccountID | None, code: str | None
) -> str | None:
    if deposit.measured != deposit.payment.amount:
        return "LESS_ARRIVED"
    if owner is None:
        waited_ms = view.close_time_ms - deposit.block.time_ms
        return "UNOWNED" if waited_ms >= UNOWNED_MS else None
    return code if code in PARK_CODES else None


def _intend(text: str, body: CreateIssuanceRequest) -> Intent:
    return Intent(Hash(bytes.fromhex(text)), OPERATION, (body,))


def _issue(
    asset: Asset,
    deposit: Deposit,
    receiver: AccountID,
    reference: Reference,
    details: bytes,
    tasks: int | None,
) -> CreateIssuanceRequest:
    amount, to = Amount(deposit.measured), IssuanceToAccount(receiver)
    return CreateIssuanceRequest(asset.code, amount, to, details, reference, tasks)


def _describe(deposit: Deposit, reason: str | None = None) -> bytes:
    """For people, and for who looks for credits that the chain has not any more."""
    payment = deposit.payment
    content = {
        "chain": deposit.chain_id,
        "transaction": show_transaction_id(deposit.chain_id, payment.transaction_id),
        "ordinal": payment.ordinal,
        "address": payment.address,
        "token": payment.token,
        "height": deposit.block.height,
        **({} if reason is None else {"parked": reason, "stated": str(payment.amount)}),
    }
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()
