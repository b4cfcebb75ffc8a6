"""Payouts by a gateway: what is ordered, what is evidence of what came of it, and whether it may be
posted again. Pure.

The order stands on the ledger and names the payee by his payout account's salted hash; the bank
account enters only what is posted to the provider.
A gateway keeps an idempotency key for a while only. Within that time the same order may be posted
again and again; after it an order is looked up and never posted, because it could be paid twice.
"""

from collections.abc import Iterable
from enum import StrEnum
from hashlib import sha256

import msgspec

from processors.psim.gateways.adapter import EventKind, GatewayEvent, Payout, PayoutOrder
from processors.psim.transfers.desk import Found, Judgement
from processors.psim.transfers.order_text import decode_order_text, encode_order_text
from schemas.generated.common import Hash, PayoutDetails, TransferOutcome
from schemas.payout_accounts import compute_account_hash

MARGIN_MS = 60_000
"""So long before a key expires nothing is posted any more: a call may be on its way."""
ENDED = {
    EventKind.PAYOUT_PAID: TransferOutcome.PAID,
    EventKind.PAYOUT_FAILED: TransferOutcome.INEFFECTIVE,  # its key is used, and nothing moved
}
FORMAT = "tokend payout 2"


class Step(StrEnum):
    """What the submitter does about an order now. The last: nobody knows, time will not tell."""

    POST = "post"
    WAIT = "wait"
    UNKNOWN = "unknown"


def make_reference(network_id: Hash, request_id: int) -> str:
    """The idempotency key: the request's id in the ledger, and of which network it is."""
    return f"{network_id.hex()[:16]}-{request_id}"


class GatewayOrder(msgspec.Struct, frozen=True):
    """`payee`: the payout account's hash, hexadecimal."""

    reference: str
    amount: int
    currency: str
    payee: str


def make_posted(order: GatewayOrder, payee: PayoutDetails) -> PayoutOrder:
    """What the provider is asked for. Raises ValueError if the order is of another payee."""
    if compute_account_hash(payee).hex() != order.payee:
        raise ValueError("the order is of another payee")
    return PayoutOrder(order.reference, order.amount, order.currency, payee.iban)


def encode_order(order: GatewayOrder) -> bytes:
    """The payload that cosigners sign."""
    return encode_order_text(FORMAT, order)


def decode_order(payload: bytes) -> GatewayOrder:
    """Raises ValueError for anything that `encode_order` does not make."""
    return decode_order_text(FORMAT, "payout", GatewayOrder, payload)


def judge(order: GatewayOrder, events: Iterable[GatewayEvent]) -> Judgement:
    """By the events that name the order's reference. One that says another amount is no evidence of
    anything, and neither are two that contradict each other: people must look."""
    found: Found | None = None
    names: set[str] = set()
    for event in events:
        if event.reference != order.reference or event.kind not in ENDED:
            continue
        names.add(event.id)
        if (event.amount, event.currency) != (order.amount, order.currency):
            return Judgement(
                None, f"payout {event.id} is of {event.amount} {event.currency}, not as ordered"
            )
        digest = Hash(sha256(b"tokend-gateway-event" + msgspec.json.encode(event)).digest())
        evidence = Found(ENDED[event.kind], digest, event.number)
        if found is not None and found.outcome is not evidence.outcome:
            return Judgement(None, f"payout {event.id} is said to be paid and failed")
        found = found or evidence
    if len(names) > 1:
        return Judgement(None, f"there are {len(names)} payouts of {order.reference}")
    return Judgement(found, "")


def decide(
    order: GatewayOrder, submitted_ms: int, now_ms: int, ttl_ms: int, found: Payout | None
) -> Step:
    """`submitted_ms`: when the ledger noted that the submitter begins, before he did anything.
    `found`: what a look-up by the reference gave."""
    if found is not None:
        is_same = (found.amount, found.currency) == (order.amount, order.currency)
        return Step.WAIT if is_same else Step.UNKNOWN
    return Step.POST if now_ms < submitted_ms + ttl_ms - MARGIN_MS else Step.UNKNOWN
