"""A payment gateway's events as a chain: each is a block, and final as soon as those before it are
known. Shell.

What is delivered twice counts once; a number that comes with other contents is never believed.
"""

from collections.abc import Collection

import msgspec

from processors.psim.banks.account import NOBODY, AccountSource
from processors.psim.banks.clawbacks import TakenBack
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

TAKEN_BACK = frozenset({EventKind.REFUNDED, EventKind.CHARGED_BACK})


class GatewaySource(AccountSource):
    """A `ChainSource`; `events` in their order, without a gap."""

    def __init__(self, chain_id: str, gateway: Gateway, currency: str) -> None:
        self.chain_id = chain_id
        self._gateway = gateway
        self._currency = currency
        self._hashes = [self._make_origin()]
        self._waiting: dict[int, GatewayEvent] = {}
        self._problem = ""
        self.events: list[GatewayEvent] = []

    def _make_origin(self) -> Hash:
        return compute_hash(f"tokend-gateway {self.chain_id}".encode())

    async def look(self) -> None:
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
        while (found := self._waiting.pop(len(self.events) + 1, None)) is not None:
            self.events.append(found)
            content = msgspec.json.encode(found)
            self._hashes.append(compute_hash(self._hashes[-1] + compute_hash(content)))

    def find_problems(self) -> list[str]:
        return [self._problem] if self._problem else []

    def list_taken_back(self) -> list[TakenBack]:
        """Refunds and charge-backs, of payments by the provider's name for them."""
        paid = {each.id: each for each in self.events if each.kind is EventKind.PAID_IN}
        return [
            self._make_taken_back(each, paid.get(each.id))
            for each in self.events
            if each.kind in TAKEN_BACK
        ]

    def _make_taken_back(self, event: GatewayEvent, of: GatewayEvent | None) -> TakenBack:
        key = compute_evidence_key("gateway-taken-back", self.chain_id, event.number)
        paid = event if of is None else of
        block = Block(paid.number, key, key, paid.at_ms)
        payment = None if of is None or event.amount > of.amount else self._make_payment(of)
        return TakenBack(key, event.amount, event.at_ms, payment, block)

    def list_expected(self) -> list[Item]:
        """What a gateway has not said it does not say."""
        return []

    async def get_tip_height(self) -> int:
        await self.look()
        return len(self.events)

    async def get_final_height(self) -> int:
        return len(self.events)

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
