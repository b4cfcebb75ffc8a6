"""The reserves of one chain's assets, watched by one instance. Shell.

It reads every final block since the deposit wallet's first, so that each payment that was not
credited is known by name. An endpoint that is away, lags or contradicts itself is waited for.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator
from typing import Any

from processors.psim.chains.reading import KnownFinal, measure
from processors.psim.chains.source import (
    Block,
    ChainContradiction,
    ChainPayment,
    ChainSource,
    ChainUnavailable,
)
from processors.psim.deposit.chain import compute_first_height
from processors.psim.deposit.rules import compute_reference_text, show_transaction_id
from processors.psim.meanings import find_meanings
from processors.psim.reserves.agreement import Heights
from processors.psim.reserves.holdings import HoldingsReader, Paid
from processors.psim.reserves.reporting import Reporting
from processors.psim.reserves.rules import (
    ChainFacts,
    LedgerFacts,
    Received,
    find_facts,
    is_credited,
    judge,
    make_report,
)
from processors.psim.view import LedgerView
from schemas.generated.events import ReserveReport
from streams.ledger.references import DAY_MS

BLOCKS_AT_ONCE, PAID_KEPT = 50, 5_000


class ReserveWatch(Reporting):
    """See `Reporting`."""

    def __init__(
        self,
        chain_id: str,
        source: ChainSource,
        holdings: HoldingsReader,
        *more: Any,
    ) -> None:
        super().__init__(chain_id, *more)
        self._source = source
        self._holdings = holdings
        self._known_final = KnownFinal()
        self._cursor: Block | None = None
        self._read_after = 0  # the ledger that was known when the newest block was read
        self._received: dict[str, Received] = {}
        self._paid: OrderedDict[int, Paid] = OrderedDict()
        self._meant: dict[str, int] = {}

    def find_assets(self, view: LedgerView) -> Collection[str]:
        return {each.asset.code for each in find_meanings(view, self.name)[0].values()}

    def find_facts(self, view: LedgerView) -> Iterator[LedgerFacts]:
        try:
            wallets = self._holdings.find_wallets(view)
        except ChainContradiction:
            return  # every look says so
        addresses = {kind: len(some) for kind, some in wallets.items()}
        for token, meaning in find_meanings(view, self.name)[0].items():
            before = self.get_agreement(meaning.asset.code).get_newest()
            facts = find_facts(view, (self.name,), token, meaning, before)
            yield facts._replace(addresses=addresses)

    def note_ledger(self, view: LedgerView) -> None:
        self._note_paid(view)
        super().note_ledger(view)

    # The chain

    async def look(self) -> bool:
        """Reads what is final, and derives what is wanted; whether there is more to read."""
        view = self.get_view()
        first = compute_first_height(view, self.name)
        if first is None:
            return False
        asked_at_ms = self.clock() * 1000
        final = await self._source.get_final_height()
        self._known_final.note(asked_at_ms, final)
        if final < first:
            return False
        meant = {t: each.minimum for t, each in find_meanings(view, self.name)[0].items()}
        cursor = self._cursor
        if cursor is None or meant != self._meant or not await self._is_still_there(cursor):
            self._meant = meant
            await self._begin(first)
        is_behind = await self._read(view, min(final, self._known_final.get(view.close_time_ms)))
        if not is_behind:
            for agreement in self.agreements.values():
                await self.derive(agreement, (final,), (self._get_height(),))
        return is_behind

    async def _is_still_there(self, block: Block) -> bool:
        return (await self._source.get_block(block.height)).block_hash == block.block_hash

    async def _begin(self, height: int) -> None:
        """Anew: nothing has been paid in before this block."""
        self._received.clear()
        self._holdings.reset()
        self._cursor = await self._source.get_block(height)

    async def _read(self, view: LedgerView, last: int) -> bool:
        cursor = self._cursor
        if cursor is None:
            return False
        tokens = tuple(find_meanings(view, self.name)[0])
        wallets = self._holdings.find_wallets(view)
        addresses = frozenset(address for some in wallets.values() for address in some)
        deposits = frozenset(view.addresses.get(self.name, ()))
        for height in range(cursor.height + 1, min(last, cursor.height + BLOCKS_AT_ONCE) + 1):
            block = await self._source.get_block(height)
            if block.previous_hash != cursor.block_hash:
                return False  # the next look finds out where it went another way
            payments = await self._source.get_payments(block, addresses, tokens)
            await self._holdings.fold(block, payments)
            arrived = [each for each in payments if each.address in deposits]
            for payment, amount in await measure(self._source, block, arrived):
                self._note_received(block, payment, amount)
            self._cursor = cursor = block
            self._read_after = view.sequence
        self._drop_settled(view)
        return cursor.height < last

    def _note_received(self, block: Block, payment: ChainPayment, amount: int) -> None:
        text = compute_reference_text(self.name, payment.transaction_id, payment.ordinal)
        name = f"{show_transaction_id(self.name, payment.transaction_id)}:{payment.ordinal}"
        received = Received(
            name, text, payment.token, amount, block.height, block.time_ms // DAY_MS
        )
        self._received[text] = received

    def _drop_settled(self, view: LedgerView) -> None:
        """What is in no report from the oldest ledger on that is still reported on. It depends on
        what assets mean, so that it is all read again when that changes."""
        oldest = {
            facts.token: facts
            for facts in (each.get_oldest() for each in self.agreements.values())
            if facts is not None
        }
        for text, each in list(self._received.items()):
            facts = oldest.get(each.token)
            if facts is not None and (
                is_credited(view, text, facts.sequence) or judge(facts, each) is None
            ):
                del self._received[text]

    def _note_paid(self, view: LedgerView) -> None:
        """They are kept when they leave the ledger: reports are of earlier ones, too. Of what is
        still in it nothing is kept that a reorganisation undid."""
        found = self._holdings.find_paid(view)
        for number in [each for each in self._paid if each in view.transfers]:
            if number not in found:
                del self._paid[number]
        for number, paid in found.items():
            self._paid[number] = paid
            self._paid.move_to_end(number)
        while len(self._paid) > PAID_KEPT:
            self._paid.popitem(last=False)

    # Deriving

    async def make_report(
        self, view: LedgerView, facts: LedgerFacts, heights: Heights
    ) -> ReserveReport:
        (height,) = heights
        if not self._holdings.knows_paid(self._get_height(), self._read_after):
            raise ChainUnavailable("transfers were not looked at so far yet")
        self._note_paid(view)
        block = await self._source.get_block(height)
        wallets = self._holdings.find_wallets(view)
        held = await self._holdings.read(block, wallets, (facts.token,))
        chain = ChainFacts(
            block,
            {
                kind: (facts.addresses.get(kind, 0), held.get((kind, facts.token), 0))
                for kind in wallets
            },
            [
                each
                for text, each in self._received.items()
                if each.height <= block.height and not is_credited(view, text, facts.sequence)
            ],
            {
                number: paid.amount
                for number, paid in self._paid.items()
                if paid.asset == facts.asset and paid.height <= block.height
            },
        )
        return make_report(facts, chain)

    # Shown

    def get_status(self) -> dict[str, Any]:
        return {**super().get_status(), "read": self._get_height()}

    def _get_height(self) -> int:
        return -1 if self._cursor is None else self._cursor.height
