"""Payouts by a bank: what is ordered, the file that follows from it, and what is evidence of what
came of it. Pure.

The order stands on the ledger, the payee does not: it names him by his salted hash, and the file by
a hash with the same salt. A file is uploaded once and never again, whatever becomes of it.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256

import msgspec

from processors.psim.banks.pain import REJECTED, SETTLED, Payer, PaymentStatus, make_file
from processors.psim.banks.statements import Item
from processors.psim.intents import compute_evidence_key
from processors.psim.transfers.desk import Found, Judgement
from processors.psim.transfers.order_text import decode_order_text, encode_order_text
from schemas.generated.common import Hash, PayoutDetails, TransferOutcome
from schemas.payout_accounts import compute_account_hash

FORMAT = "tokend bank payout 1"
REFERENCE_BYTES = 6
"""Of the network's id: with a request's number it makes 33 characters; banks keep 35."""
UPLOAD_MS = 10 * 60_000
"""So long after the ledger's note the submitter may upload. Who comes later cannot know."""
AT_MS = 10 * 60_000
"""How far an order's time may be from the ledger's."""


class BankOrder(msgspec.Struct, frozen=True):
    """`at_ms`: the ledger's time, in whole seconds. `payee`: the payout account's hash, `file`: of
    the file; hexadecimal. `account`: who gets it back if the bank returns it, G..."""

    reference: str
    at_ms: int
    amount: int
    currency: str
    payee: str
    file: str
    account: str


def make_reference(network_id: Hash, request_id: int) -> str:
    """The file's name and all ids in it: of the request, and of which network it is."""
    return f"{network_id[:REFERENCE_BYTES].hex()}-{request_id}"


def compute_file_hash(salt: bytes, content: bytes) -> str:
    """With the payee's salt: who has only the ledger cannot try names and accounts."""
    return sha256(b"tokend-payout-file" + salt + content).hexdigest()


def make_order(
    payer: Payer, reference: str, at_ms: int, amount: int, payee: PayoutDetails, account: str
) -> BankOrder:
    content = make_file(payer, reference, at_ms, amount, payee)
    return BankOrder(
        reference=reference,
        at_ms=at_ms,
        amount=amount,
        currency=payer.currency,
        payee=compute_account_hash(payee).hex(),
        file=compute_file_hash(payee.salt, content),
        account=account,
    )


def make_ordered_file(payer: Payer, order: BankOrder, payee: PayoutDetails) -> bytes:
    """What an order that others may have made is of. Raises ValueError if it is of another."""
    content = make_file(payer, order.reference, order.at_ms, order.amount, payee)
    if compute_file_hash(payee.salt, content) != order.file:
        raise ValueError("the order is of another file")
    return content


def encode_order(order: BankOrder) -> bytes:
    """The payload that cosigners sign."""
    return encode_order_text(FORMAT, order)


def decode_order(payload: bytes) -> BankOrder:
    """Raises ValueError for anything that `encode_order` does not make."""
    return decode_order_text(FORMAT, "bank's payout", BankOrder, payload)


def judge(
    order: BankOrder, booked: Sequence[tuple[int, Item]], statuses: Iterable[PaymentStatus]
) -> Judgement:
    """`booked`: movements with the order's reference, and their statements' heights. A debit of the
    amount is evidence, and so is a rejection; two of them, or another amount, are for people."""
    debits = [each for each in booked if not each[1].is_credit and not each[1].is_reversal]
    codes = {each.code for each in statuses if each.reference == order.reference}
    is_rejected = REJECTED in codes
    if len(debits) > 1:
        return Judgement(None, f"the bank has debited {order.reference} {len(debits)} times")
    if is_rejected and (debits or codes & SETTLED):
        return Judgement(None, f"{order.reference} is said to be rejected and paid")
    if is_rejected:
        digest = compute_evidence_key("bank-rejection", order.reference)
        return Judgement(Found(TransferOutcome.CONFLICTED, digest, 0), "")
    if not debits:
        return Judgement(None, "")
    ((height, item),) = debits
    if item.amount != order.amount:
        problem = f"the bank has debited {item.amount} for {order.reference}, not as ordered"
        return Judgement(None, problem)
    digest = compute_evidence_key("bank-debit", item.key, item.ordinal, item.amount)
    return Judgement(Found(TransferOutcome.PAID, digest, height), "")
