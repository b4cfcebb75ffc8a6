"""What moved on an account at a bank or gateway, as proofs of reserves count it. Pure."""

from enum import StrEnum
from typing import NamedTuple

from processors.psim.banks.clawbacks import TakenBack, compute_key
from processors.psim.chains.source import ChainPayment
from processors.psim.deposit.rules import compute_reference_text


class Flow(StrEnum):
    """Which way, and why. CHARGED: a fee of the bank's or gateway's."""

    IN = "in"
    OUT = "out"
    TAKEN_BACK = "taken-back"
    CHARGED = "charged"


class Movement(NamedTuple):
    """One, in the statement or event of this `height`. `name`: where it stands, for people.
    `reference`: of its credit in the ledger, of the order that it paid, or of the alert that burns
    it. `undoes`: the reference of the credit that is taken back; empty: nobody knows which."""

    height: int
    name: str
    flow: Flow
    amount: int
    at_ms: int
    reference: str
    undoes: str = ""


def make_credit(
    chain_id: str, height: int, name: str, payment: ChainPayment, at_ms: int
) -> Movement:
    reference = compute_reference_text(chain_id, payment.transaction_id, payment.ordinal)
    return Movement(height, name, Flow.IN, payment.amount, at_ms, reference)


def make_debit(chain_id: str, taken: TakenBack) -> Movement:
    """Of what was taken back or charged."""
    payment, undoes = taken.payment, ""
    if payment is not None:
        undoes = compute_reference_text(chain_id, payment.transaction_id, payment.ordinal)
    flow = Flow.CHARGED if taken.is_charge else Flow.TAKEN_BACK
    burn = compute_key(chain_id, taken).hex()
    return Movement(taken.height, taken.name, flow, taken.amount, taken.at_ms, burn, undoes)
