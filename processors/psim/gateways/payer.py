"""Posts payouts for the submitter that the ledger names. Shell; it remembers nothing.

Every step begins with a look-up, and is decided by `orders.decide`. What a call answers is never
taken for an outcome: that is for events, which all instances see.
"""

import time
from collections.abc import Callable

import structlog

from processors.psim.gateways.adapter import Gateway, GatewayRefused, GatewayUnknown
from processors.psim.gateways.orders import GatewayOrder, Step, decide, make_posted
from schemas.generated.common import PayoutDetails

log = structlog.get_logger()


class Payer:
    """`clock`: seconds since 1970; the later one of it and the ledger's time counts."""

    def __init__(
        self, gateway: Gateway, ttl_ms: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._gateway = gateway
        self._ttl_ms = ttl_ms
        self._clock = clock

    async def step(
        self,
        order: GatewayOrder,
        payee: PayoutDetails | None,
        submitted_ms: int,
        ledger_ms: int,
    ) -> str:
        """Once; why it is not posted or not known, or empty. Raises nothing that a gateway does,
        and ValueError if the order is of another payee."""
        try:
            found = await self._gateway.find_payout(order.reference)
        except (GatewayUnknown, GatewayRefused) as error:
            return f"the gateway does not say: {error}"
        now_ms = max(int(self._clock() * 1000), ledger_ms)
        step = decide(order, submitted_ms, now_ms, self._ttl_ms, found)
        if step is Step.UNKNOWN:
            return "nobody knows whether it was paid: only evidence settles it"
        if step is Step.WAIT:
            return ""
        if payee is None:
            return "not posted: nobody has said who is to be paid"
        try:
            await self._gateway.post_payout(make_posted(order, payee))
        except GatewayUnknown as error:
            return f"not known: {error}"
        except GatewayRefused as error:
            return f"refused: {error.code}"
        log.info("payout_posted", reference=order.reference)
        return ""
