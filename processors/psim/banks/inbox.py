"""What a bank delivers: statements, reports within the day, statuses of payments. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from processors.psim.banks import camt, pain
from processors.psim.banks.iso20022 import read_message
from processors.psim.banks.pain import PaymentStatus
from processors.psim.banks.statements import Expected, Statement

KINDS = camt.STATEMENTS | camt.REPORTS | pain.STATUSES


class Delivery(NamedTuple):
    """Of one file, of which one kind is there."""

    statements: Sequence[Statement] = ()
    expected: Sequence[Expected] = ()
    statuses: Sequence[PaymentStatus] = ()


def read_delivery(content: bytes, digits: int) -> Delivery:
    """`digits`: decimals of the account's currency. Raises `StatementHeld`."""
    document, kind = read_message(content, KINDS)
    if kind in camt.STATEMENTS:
        return Delivery(statements=camt.read_statements(document, digits))
    if kind in camt.REPORTS:
        return Delivery(expected=camt.read_expected(document, digits))
    return Delivery(statuses=tuple(pain.read_statuses(document)))
