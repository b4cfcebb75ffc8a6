"""What every service that reads a chain's final blocks has to take care of."""

from collections import deque

from processors.psim.chains.source import COIN, Block, ChainPayment, ChainSource


class KnownFinal:
    """Up to where blocks may be read: who paid in knew an address that the ledger had given out
    before, so the ledger must be known at least up to when a block was seen as final."""

    def __init__(self) -> None:
        self._learned: deque[tuple[float, int]] = deque()
        self._known = -1

    def note(self, seen_at_ms: float, final: int) -> None:
        """The endpoint was asked at this time, and says this."""
        if not self._learned or self._learned[-1][1] != final:
            self._learned.append((seen_at_ms, final))

    def get(self, close_time_ms: int) -> int:
        """By the newest ledger's close time."""
        while self._learned and self._learned[0][0] <= close_time_ms:
            self._known = self._learned.popleft()[1]
        return self._known


async def measure(
    source: ChainSource, block: Block, payments: list[ChainPayment]
) -> list[tuple[ChainPayment, int]]:
    """What surely arrived of each. Coins are what they say. Of a token, what the address holds must
    have grown by it: some keep a part of every transfer, or say what is not true."""
    grown: dict[tuple[str, str], int] = {}
    before: Block | None = None
    measured = []
    for payment in payments:
        if payment.token == COIN:
            measured.append((payment, payment.amount))
            continue
        place = (payment.address, payment.token)
        if place not in grown:
            if before is None:
                before = await source.get_block(block.height - 1)
            stated = sum(p.amount for p in payments if (p.address, p.token) == place)
            grown[place] = await _measure_growth(source, place, before, block, stated)
        amount = max(min(payment.amount, grown[place]), 0)
        grown[place] -= amount
        measured.append((payment, amount))
    return measured


async def _measure_growth(
    source: ChainSource, place: tuple[str, str], before: Block, block: Block, stated: int
) -> int:
    address, token = place
    held = await source.get_holding(address, token, before)
    grown = await source.get_holding(address, token, block) - held
    if grown < stated:
        grown += await source.get_sent(address, token, block)
    return grown
