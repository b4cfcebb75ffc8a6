"""A bank's account as a chain: statements are its blocks, numbered from one. Shell.

Money-in's frame works on it unchanged: a statement that was worked off and is another one now halts
the bank, as a replaced final block halts a chain.
"""

from collections.abc import Collection, Mapping
from hashlib import sha256

from processors.psim.banks.account import NOBODY, AccountSource
from processors.psim.banks.camt import read_statements
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
from schemas.generated.common import Hash

FIRST = 1
RETURNED = "returned"
"""In place of an address: what somebody must look at."""


class BankSource(AccountSource):
    """A `ChainSource`. `first`: the number of the first statement that counts, which is height 1.
    `problems`: why statements are held."""

    def __init__(
        self, chain_id: str, store: FileStore, account: str, currency: str, digits: int, first: int
    ) -> None:
        self._chain_id = chain_id
        self._store = store
        self._account, self._currency, self._digits = account, currency, digits
        self._first = first
        self._files: dict[str, list[Statement]] = {}
        self._held: dict[str, str] = {}
        self._series = Series({}, "", {}, is_contradicted=False)

    async def look(self) -> None:
        """Reads files that are new, and forgets those that are gone."""
        names = await self._store.list()
        for gone in self._files.keys() - set(names):
            del self._files[gone]
            self._held.pop(gone, None)
        for name in names:
            if name in self._files:
                continue
            try:
                self._files[name] = read_statements(await self._store.read(name), self._digits)
            except StatementHeld as held:
                self._files[name], self._held[name] = [], str(held)
        deliveries = [each for found in self._files.values() for each in found]
        self._series = arrange(
            deliveries, self._account, self._currency, self._first, self._make_origin(0)
        )

    def find_problems(self) -> list[str]:
        found = [f"{self._chain_id}: {name}: {each}" for name, each in sorted(self._held.items())]
        if self._series.problem:
            found.append(f"{self._chain_id}: {self._series.problem}")
        items = [item for _, each in sorted(self.statements.items()) for item in each.items]
        found += [
            f"{self._chain_id}: {each.amount} were taken back by {each.key.hex()[:16]}: claw back"
            for each in items
            if each.is_reversal and not each.is_credit
        ]
        return found

    @property
    def statements(self) -> Mapping[int, Statement]:
        """By number, those that hang together."""
        return self._series.statements

    async def get_tip_height(self) -> int:
        await self.look()
        return await self.get_final_height()

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
        address = item.reference or NOBODY
        if item.is_return or item.is_reversal:
            address = f"{RETURNED} {item.end_to_end_id}"
        return ChainPayment(item.key, item.ordinal, address, COIN, item.amount)

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        """Of the whole account: a reference holds nothing."""
        del address, token
        return 0 if block.height < FIRST else self._get(block.height).closing
