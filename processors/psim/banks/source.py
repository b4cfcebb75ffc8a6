"""A bank's account as a chain: statements are its blocks, numbered from one. Shell.

Money-in's frame works on it unchanged: a statement that was worked off and is another one now halts
the bank, as a replaced final block halts a chain.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from hashlib import sha256

from processors.psim.banks.account import NOBODY, AccountSource
from processors.psim.banks.clawbacks import TakenBack, match_reversals
from processors.psim.banks.inbox import Delivery, read_delivery
from processors.psim.banks.movements import Flow, Movement, make_credit, make_debit
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
        self,
        chain_id: str,
        store: FileStore,
        account: str,
        currency: str,
        digits: int,
        first: int,
        fresh_s: float = 0.0,
    ) -> None:
        super().__init__(fresh_s)
        self._chain_id = chain_id
        self._store = store
        self.account = account
        self._currency, self._digits = currency, digits
        self._first = first
        self._files: dict[str, Delivery] = {}
        self._held: dict[str, str] = {}
        self._booked: defaultdict[str, list[tuple[int, Item]]] = defaultdict(list)
        self._taken_back: list[TakenBack] = []
        self._movements: list[Movement] = []
        self._series = Series({}, "", {}, is_contradicted=False)

    async def _ask(self) -> None:
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
        self._booked = defaultdict(list)
        self._taken_back, self._movements = [], []
        undone = dict(match_reversals((height, item) for height, _, item in self._walk()))
        for height, name, item in self._walk():
            if item.end_to_end_id:
                self._booked[item.end_to_end_id].append((height, item))
            taken = self._find_taken_back(height, name, item, undone)
            if taken is not None:
                self._taken_back.append(taken)
            if item.amount:
                self._movements.append(self._make_movement(height, name, item, taken))

    def _walk(self) -> Iterator[tuple[int, str, Item]]:
        """All movements, with the heights of their statements and where they stand."""
        for number, statement in sorted(self.statements.items()):
            for place, item in enumerate(statement.items, 1):
                yield number - self._first + FIRST, f"{number}:{place}", item

    def _find_taken_back(
        self, height: int, name: str, item: Item, undone: Mapping[Item, tuple[int, Item] | None]
    ) -> TakenBack | None:
        """What of this was credited before, or is a fee."""
        stated = height, name, item.amount, item.booked_ms
        if item in undone:
            key = compute_evidence_key("bank-reversal", item.key, item.ordinal)
            of = undone[item]
            at, original = (FIRST, item) if of is None else of
            block = Block(at, key, key, original.booked_ms)
            payment = None if of is None else self._make_payment(original)
            return TakenBack(key, *stated, payment, block)
        if item.is_charge and not item.is_credit:
            key = compute_evidence_key("bank-charge", item.key, item.ordinal)
            block = Block(height, key, key, item.booked_ms)
            return TakenBack(key, *stated, None, block, is_charge=True)
        return None

    def _make_movement(
        self, height: int, name: str, item: Item, taken: TakenBack | None
    ) -> Movement:
        if taken is not None:
            return make_debit(self._chain_id, taken)
        if item.is_credit:
            payment = self._make_payment(item)
            return make_credit(self._chain_id, height, name, payment, item.booked_ms)
        return Movement(height, name, Flow.OUT, item.amount, item.booked_ms, item.end_to_end_id)

    def find_problems(self) -> list[str]:
        found = [f"{self._chain_id}: {name}: {each}" for name, each in sorted(self._held.items())]
        if self._series.problem:
            found.append(f"{self._chain_id}: {self._series.problem}")
        return found

    def find_booked(self, end_to_end_id: str) -> Sequence[tuple[int, Item]]:
        """Movements that name it, with their statements' heights."""
        return self._booked.get(end_to_end_id, ())

    def list_taken_back(self) -> list[TakenBack]:
        """Reversals of credits, whether it is known of which or not, and fees."""
        return self._taken_back

    def list_movements(self) -> list[Movement]:
        """All that is booked, in order."""
        return self._movements

    def get_balance(self, height: int) -> int:
        """After a statement; negative where the account is overdrawn."""
        return 0 if height < FIRST else self._get(height).closing

    def list_statuses(self) -> list[PaymentStatus]:
        """What the bank says of payments of ours."""
        return [each for found in self._files.values() for each in found.statuses]

    def list_expected(self) -> list[Item]:
        """Credits that a report within the day tells of, and no statement has yet."""
        booked = {item.key for _, _, item in self._walk()}
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
        return self.get_balance(block.height)
