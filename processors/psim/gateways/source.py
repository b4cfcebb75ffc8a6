"""A payment gateway's events as a chain: each is a block, and final as soon as those before it are
known. Shell.

What is delivered twice counts once; a number that comes with other contents is never believed.
"""

from collections.abc import Collection, Mapping

import msgspec

from processors.psim.banks.account import NOBODY, AccountSource
from processors.psim.banks.clawbacks import TakenBack
from processors.psim.banks.movements import Flow, Movement, make_credit, make_debit
from processors.psim.banks.statements import Item
from processors.psim.chains.source import (
    COIN,
    Block,
    ChainContradiction,
    ChainPayment,
    ChainUnavailable,
)
from processors.psim.gateways.adapter import (
    EventKind,
    Gateway,
    GatewayEvent,
    GatewayRefused,
    GatewayUnknown,
)
from processors.psim.intents import compute_evidence_key
from schemas.generated.common import Hash
from streams.ledger.hashes import compute_hash

TAKEN_BACK = frozenset({EventKind.REFUNDED, EventKind.CHARGED_BACK, EventKind.CHARGED})


class GatewaySource(AccountSource):
    """A `ChainSource`; `events` in their order, without a gap."""

    def __init__(
        self, chain_id: str, gateway: Gateway, currency: str, fresh_s: float = 0.0
    ) -> None:
        super().__init__(fresh_s)
        self.chain_id = chain_id
        self._gateway = gateway
        self._currency = currency
        self._hashes = [self._make_origin()]
        self._waiting: dict[int, GatewayEvent] = {}
        self._problem = ""
        self.events: list[GatewayEvent] = []

    def _make_origin(self) -> Hash:
        return compute_hash(f"tokend-gateway {self.chain_id}".encode())

    async def _ask(self) -> None:
        """Asks for what is new, and keeps what came out of order until the rest is there."""
        try:
            told = await self._gateway.list_events(len(self.events))
        except GatewayUnknown as error:
            raise ChainUnavailable(f"the gateway: {error}") from None
        except GatewayRefused as error:
            raise ChainContradiction(str(error)) from None
        for event in told:
            number = event.number
            known = self.events[number - 1] if 0 < number <= len(self.events) else None
            known = known or self._waiting.get(number)
            if number < 1 or (known is not None and known != event):
                self._problem = f"{self.chain_id}: event {number} is another one now"
                raise ChainContradiction(self._problem)
            if number > len(self.events):
                self._waiting[number] = event
        while (found := self._waiting.get(len(self.events) + 1)) is not None:
            if self.events and self.events[-1].balance + found.moved != found.balance:
                self._problem = f"{self.chain_id}: the balance after event {found.number} is wrong"
                raise ChainContradiction(self._problem)
            self.events.append(self._waiting.pop(found.number))
            content = msgspec.json.encode(found)
            self._hashes.append(compute_hash(self._hashes[-1] + compute_hash(content)))

    @property
    def final(self) -> int:
        return len(self.events)

    def get_balance(self, height: int) -> int:
        """After an event, as it says."""
        return self.events[height - 1].balance if height else 0

    def list_movements(self) -> list[Movement]:
        """All that is told, in order."""
        paid = self._find_paid()
        return [self._make_movement(each, paid) for each in self.events if each.moved]

    def _make_movement(self, event: GatewayEvent, paid: Mapping[str, GatewayEvent]) -> Movement:
        name = str(event.number)
        if event.kind in TAKEN_BACK:
            return make_debit(self.chain_id, self._make_taken_back(event, paid.get(event.id)))
        if event.kind is EventKind.PAID_IN:
            payment = self._make_payment(event)
            return make_credit(self.chain_id, event.number, name, payment, event.at_ms)
        stated = event.amount, event.at_ms, event.reference
        return Movement(event.number, name, Flow.OUT, *stated)

    def _find_paid(self) -> Mapping[str, GatewayEvent]:
        """What came in, by the provider's name for it."""
        return {each.id: each for each in self.events if each.kind is EventKind.PAID_IN}

    def find_problems(self) -> list[str]:
        return [self._problem] if self._problem else []

    def list_taken_back(self) -> list[TakenBack]:
        """Refunds and charge-backs, of payments by the provider's name for them, and fees."""
        paid = self._find_paid()
        return [
            self._make_taken_back(each, paid.get(each.id))
            for each in self.events
            if each.kind in TAKEN_BACK
        ]

    def _make_taken_back(self, event: GatewayEvent, of: GatewayEvent | None) -> TakenBack:
        key = compute_evidence_key("gateway-taken-back", self.chain_id, event.number)
        stated = event.number, str(event.number), event.amount, event.at_ms
        is_charge = event.kind is EventKind.CHARGED
        paid = event if of is None or is_charge else of
        block = Block(paid.number, key, key, paid.at_ms)
        is_known = of is not None and event.amount <= of.amount and not is_charge
        payment = self._make_payment(paid) if is_known else None
        return TakenBack(key, *stated, payment, block, is_charge)

    def list_expected(self) -> list[Item]:
        """What a gateway has not said it does not say."""
        return []

    async def get_tip_height(self) -> int:
        await self.look()
        return self.final

    async def get_final_height(self) -> int:
        return self.final

    async def get_block(self, height: int) -> Block:
        if height < 1:
            origin = self._make_origin()
            return Block(height, origin, compute_hash(origin), 0)
        if height > len(self.events):
            raise ChainUnavailable(f"event {height} is not there")
        event = self.events[height - 1]
        return Block(height, self._hashes[height], self._hashes[height - 1], event.at_ms)

    async def get_payments(
        self,
        block: Block,
        addresses: Collection[str],  # noqa: ARG002 - whatever arrives is the network's own
        tokens: Collection[str],
    ) -> list[ChainPayment]:
        if block.height < 1 or COIN not in tokens:
            return []
        event = self.events[block.height - 1]
        if event.kind is not EventKind.PAID_IN or event.amount <= 0:
            return []
        if event.currency != self._currency:
            raise ChainContradiction(f"event {event.number} is in {event.currency}")
        return [self._make_payment(event)]

    def _make_payment(self, event: GatewayEvent) -> ChainPayment:
        key = compute_evidence_key("gateway-payment", self.chain_id, event.id)
        return ChainPayment(key, 0, event.reference or NOBODY, COIN, event.amount)

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        """A reference holds nothing; money is what the provider says."""
        del address, token, block
        return 0
