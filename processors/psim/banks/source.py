"""A bank's account as a chain: statements are its blocks, numbered from one. Shell.

Money-in's frame works on it unchanged: a statement that was worked off and is another one now halts
the bank, as a replaced final block halts a chain.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256

from processors.psim.banks.account import NOBODY, AccountSource
from processors.psim.banks.clawbacks import TakenBack, match_reversals
from processors.psim.banks.inbox import Delivery, read_delivery
from processors.psim.banks.pain import PaymentStatus
from processors.psim.banks.returns import RETURNED
from processors.psim.banks.statements import (
    Item,
    Series,
    Statement,
    StatementHeld,
    arrange,
)
from processors.psim.banks.store import FileStore
from processors.psim.chains.source import (
    COIN,
    Block,
    ChainContradiction,
    ChainPayment,
    ChainUnavailable,
)
from processors.psim.intents import compute_evidence_key
from schemas.generated.common import Hash

FIRST = 1


class BankSource(AccountSource):
    """A `ChainSource`. `first`: the number of the first statement that counts, which is height 1.
    `problems`: why statements are held."""

    def __init__(
        self, chain_id: str, store: FileStore, account: str, currency: str, digits: int, first: int
    ) -> None:
        self._chain_id = chain_id
        self._store = store
        self.account = account
        self._currency, self._digits = currency, digits
        self._first = first
        self._files: dict[str, Delivery] = {}
        self._held: dict[str, str] = {}
        self._booked: dict[str, list[tuple[int, Item]]] = {}
        self._reversals: list[tuple[Item, tuple[int, Item] | None]] = []
        self._series = Series({}, "", {}, is_contradicted=False)

    async def look(self) -> None:
        """Reads files that are new, and forgets those that are gone."""
        names = await self._store.list()
        gone = self._files.keys() - set(names)
        new = [each for each in names if each not in self._files]
        for name in gone:
            self._files.pop(name, None)
            self._held.pop(name, None)
        for name in new:
            try:
                self._files[name] = read_delivery(await self._store.read(name), self._digits)
            except StatementHeld as held:
                self._files[name], self._held[name] = Delivery(), str(held)
        if gone or new:
            self._arrange()

    def _arrange(self) -> None:
        deliveries = [each for found in self._files.values() for each in found.statements]
        self._series = arrange(
            deliveries, self.account, self._currency, self._first, self._make_origin(0)
        )
        booked: dict[str, list[tuple[int, Item]]] = {}
        for number, item in self._walk():
            if item.end_to_end_id:
                booked.setdefault(item.end_to_end_id, []).append((number, item))
        self._booked = booked
        self._reversals = match_reversals(self._walk())

    def _walk(self) -> Iterator[tuple[int, Item]]:
        """All movements with the heights of their statements."""
        for number, statement in sorted(self.statements.items()):
            for item in statement.items:
                yield number - self._first + FIRST, item

    def find_problems(self) -> list[str]:
        found = [f"{self._chain_id}: {name}: {each}" for name, each in sorted(self._held.items())]
        if self._series.problem:
            found.append(f"{self._chain_id}: {self._series.problem}")
        return found

    def find_booked(self, end_to_end_id: str) -> Sequence[tuple[int, Item]]:
        """Movements that name it, with their statements' heights."""
        return self._booked.get(end_to_end_id, ())

    def list_taken_back(self) -> list[TakenBack]:
        """Reversals of credits, whether it is known of which or not."""
        return [self._make_taken_back(each, of) for each, of in self._reversals]

    def _make_taken_back(self, item: Item, of: tuple[int, Item] | None) -> TakenBack:
        key = compute_evidence_key("bank-reversal", item.key, item.ordinal)
        height, original = (FIRST, item) if of is None else of
        block = Block(height, key, key, original.booked_ms)
        payment = None if of is None else self._make_payment(original)
        return TakenBack(key, item.amount, item.booked_ms, payment, block)

    def list_statuses(self) -> list[PaymentStatus]:
        """What the bank says of payments of ours."""
        return [each for found in self._files.values() for each in found.statuses]

    def list_expected(self) -> list[Item]:
        """Credits that a report within the day tells of, and no statement has yet."""
        booked = {item.key for _, item in self._walk()}
        found = {
            each.item.key: each.item
            for delivery in self._files.values()
            for each in delivery.expected
            if (each.account, each.currency) == (self.account, self._currency)
        }
        return [item for key, item in found.items() if item.is_credit and key not in booked]

    @property
    def statements(self) -> Mapping[int, Statement]:
        """By number, those that hang together."""
        return self._series.statements

    async def get_tip_height(self) -> int:
        await self.look()
        return await self.get_final_height()

    @property
    def final(self) -> int:
        """The height of the last statement that is believed."""
        return max(self.statements, default=self._first - 1) - self._first + FIRST

    async def get_final_height(self) -> int:
        """What was delivered twice with different contents is final, too: whoever has worked it
        off shall find that it is another one now."""
        series = self._series
        last = series.hashes if series.is_contradicted else series.statements
        return max(last, default=self._first - 1) - self._first + FIRST

    async def get_block(self, height: int) -> Block:
        if height < FIRST:
            return Block(height, self._make_origin(height), self._make_origin(height - 1), 0)
        number = height - FIRST + self._first
        found, statement = self._series.hashes.get(number), self.statements.get(number)
        if found is None:
            raise ChainUnavailable(f"statement {number} is not there")
        previous = self._series.hashes.get(number - 1, self._make_origin(0))
        booked_ms = 0 if statement is None else statement.booked_ms
        return Block(height, found, previous, booked_ms)

    def _make_origin(self, height: int) -> Hash:
        """Before the first statement, where there is nothing."""
        return Hash(sha256(f"tokend-bank {self._chain_id} {min(height, 0)}".encode()).digest())

    def _get(self, height: int) -> Statement:
        number = height - FIRST + self._first
        found = self.statements.get(number)
        if found is None:
            raise ChainContradiction(self._series.problem or f"statement {number} is not there")
        return found

    async def get_payments(
        self,
        block: Block,
        addresses: Collection[str],  # noqa: ARG002 - whatever arrives is the network's own
        tokens: Collection[str],
    ) -> list[ChainPayment]:
        if block.height < FIRST or COIN not in tokens:
            return []
        items = self._get(block.height).items
        return [self._make_payment(each) for each in items if each.is_credit and each.amount]

    def _make_payment(self, item: Item) -> ChainPayment:
        """A payout comes back once: under a key of its own, whatever the bank calls it. What comes
        back a second time is nobody's."""
        if not item.is_return and not item.is_reversal:
            address = item.reference or NOBODY
        elif self._is_first_return(item):
            key = compute_evidence_key("bank-return", self.account, item.end_to_end_id)
            return ChainPayment(key, 0, RETURNED + item.end_to_end_id, COIN, item.amount)
        else:
            address = NOBODY
        return ChainPayment(item.key, item.ordinal, address, COIN, item.amount)

    def _is_first_return(self, item: Item) -> bool:
        booked = self.find_booked(item.end_to_end_id)
        back = (e for _, e in booked if e.is_credit and (e.is_return or e.is_reversal))
        first = next(back, None)
        return first is not None and (first.key, first.ordinal) == (item.key, item.ordinal)

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        """Of the whole account: a reference holds nothing."""
        del address, token
        return 0 if block.height < FIRST else self._get(block.height).closing
