"""A bank's statement as services need it, and what must hold of it. Pure.

A statement is to a bank what a block is to a chain: it has a number, follows the one before it, and
what is booked in it is final. Amounts are integers in the account's smallest unit.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec

from processors.psim.intents import compute_evidence_key
from schemas.generated.common import Hash
from streams.ledger.hashes import compute_hash

REFERENCE = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}")
OWN = re.compile(r"(?=(RF[0-9]{2}[0-9A-Z]{18}))")
OWN_LENGTH = 18
"""Behind the check digits. All of ours are that long, so that words beside one do no harm."""
ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class StatementHeld(Exception):
    """A statement that may not be worked off; the message says why, for people."""


class Item(msgspec.Struct, frozen=True):
    """One booked movement. `key`: what names it for ever; `ordinal`: among those of one key.
    `amount` is positive. `reference`: the payment reference it names, or empty. `end_to_end_id`: of
    whoever ordered it, who may say anything. `is_reversal`: it takes back an earlier movement of
    the other direction; `is_return`: of a payment of ours; `is_charge`: a fee of the bank's."""

    key: Hash
    ordinal: int
    is_credit: bool
    amount: int
    booked_ms: int
    reference: str
    end_to_end_id: str
    is_reversal: bool = False
    is_return: bool = False
    is_charge: bool = False


class Expected(NamedTuple):
    """A movement that a report within the day tells of: a hint, nothing more."""

    account: str
    currency: str
    item: Item


class Statement(msgspec.Struct, frozen=True):
    """`opening` and `closing`: balances, negative where the account is overdrawn."""

    account: str
    currency: str
    number: int
    opening: int
    closing: int
    booked_ms: int
    items: tuple[Item, ...]

    @property
    def digest(self) -> Hash:
        """Of what it says, not of the file: a file may be delivered anew with another date."""
        return Hash(sha256(b"tokend-statement" + msgspec.msgpack.encode(self)).digest())


class Series(NamedTuple):
    """What of a bank's deliveries hangs together. `statements` by number, from the first without a
    gap; `problem`: why the next one is not among them. `hashes`, by number: of all that was
    delivered up to it, believed or not. `is_contradicted`: one was delivered with other contents.
    """

    statements: dict[int, Statement]
    problem: str
    hashes: dict[int, Hash]
    is_contradicted: bool


def make_item_key(account: str, servicer_reference: str) -> Hash:
    """By the bank's own reference for the movement."""
    return compute_evidence_key("bank-item", account, servicer_reference)


def make_placed_key(account: str, number: int, entry: int) -> Hash:
    """Where the bank has none: by its place, as it stays in every delivery."""
    return compute_evidence_key("bank-place", account, number, entry)


def check(statement: Statement) -> None:
    """Raises `StatementHeld`."""
    moved = sum(each.amount if each.is_credit else -each.amount for each in statement.items)
    if statement.opening + moved != statement.closing:
        raise StatementHeld(
            f"statement {statement.number}: the entries make {moved}, the balances differ by"
            f" {statement.closing - statement.opening}"
        )
    names = [(each.key, each.ordinal) for each in statement.items]
    if len(set(names)) != len(names):
        raise StatementHeld(f"statement {statement.number}: the bank uses a reference twice")


def arrange(
    deliveries: Sequence[Statement], account: str, currency: str, first: int, origin: Hash
) -> Series:
    """Identical deliveries count once; of different ones of one number nothing is believed.
    `first`: the number of the first statement; `origin`: the hash of what is before it."""
    known: dict[int, dict[Hash, Statement]] = {}
    for each in deliveries:
        if each.account == account and each.number >= first:
            known.setdefault(each.number, {})[each.digest] = each
    statements: dict[int, Statement] = {}
    hashes: dict[int, Hash] = {}
    problem, number, before = "", first, origin
    while number in known:
        before = hashes[number] = compute_hash(before + b"".join(sorted(known[number])))
        try:
            if not problem:
                previous = statements.get(number - 1)
                statements[number] = _choose(known[number], previous, currency)
        except StatementHeld as held:
            problem = str(held)
        number += 1
    later = [each for each in known if each > number]
    if later and not problem:
        problem = f"statement {number} is missing: {min(later)} is there"
    return Series(statements, problem, hashes, any(len(known[each]) > 1 for each in hashes))


def _choose(delivered: dict[Hash, Statement], before: Statement | None, currency: str) -> Statement:
    statement = next(iter(delivered.values()))
    if len(delivered) > 1:
        raise StatementHeld(f"statement {statement.number} was delivered with other contents")
    if statement.currency != currency:
        raise StatementHeld(f"statement {statement.number} is in {statement.currency}")
    check(statement)
    if before is not None and before.closing != statement.opening:
        raise StatementHeld(
            f"statement {statement.number} opens with {statement.opening}, the one before closed"
            f" with {before.closing}"
        )
    return statement


def find_reference(texts: Sequence[str]) -> str:
    """The one reference like ours (ISO 11649) in what a payer wrote; none if there are several."""
    found = {
        each
        for text in texts
        for each in OWN.findall("".join(text.upper().split()))
        if is_reference(each)
    }
    return found.pop() if len(found) == 1 else ""


def is_reference(text: str) -> bool:
    """Whether its check digits are true."""
    if not REFERENCE.fullmatch(text):
        return False
    return _compute_remainder(text[4:] + text[:4]) == 1


def make_reference(seed: bytes) -> str:
    """A payment reference, from 88 bits of a hash."""
    number = int.from_bytes(sha256(b"tokend-payment-reference" + seed).digest()[:11], "big")
    body = ""
    for _ in range(OWN_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        body += ALPHABET[digit]
    return f"RF{98 - _compute_remainder(body + 'RF00'):02}{body}"


def _compute_remainder(text: str) -> int:
    """By ISO 7064, MOD 97-10: letters are two digits."""
    return int("".join(str(ALPHABET.index(each)) for each in text)) % 97
