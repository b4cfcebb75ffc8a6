"""The one interface to payment gateways, and what they tell. A provider is a file that has it.

A gateway numbers its events from one without gaps; it may deliver them twice and in any order.
Money is integers in the currency's smallest unit.
"""

from enum import StrEnum
from typing import Protocol

import msgspec


class EventKind(StrEnum):
    """What happened. Refunds and charge-backs take back what came in; CHARGED is a fee."""

    PAID_IN = "paid-in"
    PAYOUT_PAID = "payout-paid"
    PAYOUT_FAILED = "payout-failed"
    REFUNDED = "refunded"
    CHARGED_BACK = "charged-back"
    CHARGED = "charged"


class GatewayEvent(msgspec.Struct, frozen=True):
    """`id`: of the payment or payout, the provider's. `reference`: for what comes in the payment
    reference, for payouts the key that they were asked for by. `balance`: of the account after
    it; negative where it is overdrawn."""

    number: int
    kind: EventKind
    id: str
    reference: str
    amount: int
    currency: str
    at_ms: int
    balance: int

    @property
    def moved(self) -> int:
        """By how much it changes the balance."""
        if self.kind is EventKind.PAYOUT_FAILED:
            return 0
        return self.amount if self.kind is EventKind.PAID_IN else -self.amount


class PayoutState(StrEnum):
    """Only the last two are final."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"


class Payout(msgspec.Struct, frozen=True):
    """As the provider has it. `reference`: the key that it was asked for by."""

    id: str
    reference: str
    amount: int
    currency: str
    destination: str
    state: PayoutState


class PayoutOrder(msgspec.Struct, frozen=True):
    """What is asked for, of the provider alone: `destination` is an IBAN. The same key with other
    contents is refused."""

    reference: str
    amount: int
    currency: str
    destination: str


class GatewayUnknown(Exception):
    """Nobody knows whether the call took effect: a time-out, a broken connection, a 5xx."""


class GatewayRefused(Exception):
    """The provider says no, surely: nothing took effect. `code` is its own."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the gateway refuses: {code}")
        self.code = code


class Gateway(Protocol):
    """All functions raise `GatewayUnknown` and `GatewayRefused`."""

    async def list_events(self, after: int) -> list[GatewayEvent]: ...

    async def post_payout(self, order: PayoutOrder) -> Payout:
        """By the idempotency key `order.reference`: the same order again has no further effect
        while the provider keeps the key, and for no longer."""
        ...

    async def find_payout(self, reference: str) -> Payout | None:
        """None: the provider has none, which may change while a call is on its way."""
        ...
