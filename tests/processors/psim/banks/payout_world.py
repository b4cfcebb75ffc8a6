"""Withdrawals by a bank on a real ledger: three instances, a bank that takes files, pays, rejects,
keeps still and gives back, and an API that knows the payees."""

import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from infra.sandbox.accounts import GIRO, GIRO_ACCOUNT, GIRO_CURRENCY
from infra.sandbox.bank import Bank, BankOrder, Booking
from infra.sandbox.payouts import PayoutBook, PayoutMode, PayoutsDo
from processors.psim.banks.desk import BankDesk
from processors.psim.banks.pain import Payer
from processors.psim.banks.payouts import make_reference as make_payout_reference
from processors.psim.banks.source import BankSource
from processors.psim.chains.source import ChainUnavailable
from processors.psim.deposit.service import DepositService
from processors.psim.deposit.watch import ChainWatch
from processors.psim.signing.rules import Signing
from schemas.generated.common import Amount, PayoutAccount
from schemas.generated.operations import (
    CreateWithdrawalRequest,
)
from schemas.payout_accounts import compute_account_hash
from streams.ledger.hashes import compute_hash
from tests.processors.psim.file_ledger import FUNDS, PAYEE, KnownPayees, add_file_asset
from tests.processors.psim.money.ledger import PERSON, SOURCE
from tests.processors.psim.money.ledger import make_ledger as make_money_ledger
from tests.processors.psim.money.world import Machine, World
from tests.processors.psim.world import SUSPENSE, make_signer, now
from tests.support.network import Network, create_account, get_account, make_reference

CHAIN, ASSET = "bank:giro", "BCHF"
KEY = "the customer's key"
PAYER = Payer("The Operator", GIRO_ACCOUNT, "", GIRO_CURRENCY, 2)


def make_ledger() -> Network:
    """The person has an asset that comes and leaves by the bank; the instances sign for it."""
    network = make_money_ledger()
    network.apply("master", create_account(SUSPENSE))
    details = {"deposit": {"chain": CHAIN, "minimum": "1"}}
    add_file_asset(network, CHAIN, ASSET, details)
    return network


class BookStore:
    """The bank's files as it has them."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    async def list(self) -> list[str]:
        rows = self._bank._book.execute("select name from files order by name").fetchall()
        return [name for (name,) in rows]

    async def read(self, name: str) -> bytes:
        return self._bank.read_file(name) or b""


class BookOutbox:
    """Lays files before the bank, which may break off or be away."""

    def __init__(self, world: "PayoutWorld") -> None:
        self._world = world

    async def put(self, name: str, content: bytes) -> bool:
        world = self._world
        if world.is_away:
            raise ChainUnavailable("away")
        world.files[name].add(compute_hash(content))
        status = world.payouts.take(name, content, world.get_now())
        if status == 412:
            return False
        if status != 201:
            raise ChainUnavailable(f"HTTP status {status}")
        return True


class PayoutMachine(Machine):
    """One instance with the bank alone, whose statements it credits too."""

    def start(self) -> None:
        world = self.world
        assert isinstance(world, PayoutWorld)
        store = BookStore(world.bank)
        self.source = BankSource(CHAIN, store, GIRO_ACCOUNT, GIRO_CURRENCY, 2, 1)
        self.watch: ChainWatch | None = None
        super().start()
        self.watch = ChainWatch(
            CHAIN,
            self.source,
            get_account(SUSPENSE),
            lambda: self.view,
            lambda: None,
            lambda: self.view.close_time_ms / 1000,
            find_problems=self.source.find_problems,
        )
        key = make_signer(self.name)
        about = world.network.network_id, get_account(SOURCE), key.public_key, key.sign
        self.services.append((DepositService([self.watch]), Signing("deposit", *about)))

    def make_desks(self) -> list[Any]:
        world = self.world
        assert isinstance(world, PayoutWorld)
        cosigner = world.make_cosigner(self.name)
        outbox, payees = BookOutbox(world), KnownPayees(world.payees)
        return [BankDesk(CHAIN, PAYER, self.source, outbox, payees, cosigner, world.get_time)]

    def look(self) -> None:
        for service, _ in self.services[:2]:
            for desk in service.desks:  # type: ignore[attr-defined]
                now(service.look(desk))  # type: ignore[attr-defined]
        try:
            while self.watch is not None and now(self.watch.look()):
                pass
        except ChainUnavailable:
            pass


class PayoutWorld(World):
    """`files`: by name the hashes of what instances laid before the bank."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.bank = Bank(folder, GIRO)
        self.payouts = PayoutBook(folder, self.bank, KEY)
        self.files: defaultdict[str, set[bytes]] = defaultdict(set)
        self.returned: set[str] = set()
        self.payees = {compute_account_hash(PAYEE): PAYEE}
        self.amounts: dict[int, int] = {}
        self.is_away = False
        super().__init__(seed, machine=PayoutMachine, network=make_ledger())

    def begin(self) -> None:
        """What the person has lies on the account."""
        self.book(Booking(f"{FUNDS / 100:.2f}"))
        self.run(6)

    def book(self, *bookings: Booking) -> None:
        self.bank.book(BankOrder(bookings=list(bookings)), self.get_now())

    def do(self, **order: Any) -> list[dict[str, Any]]:
        told = self.payouts.do(PayoutsDo(**order), self.get_now())
        return list(told["payouts"])

    def withdraw(self, amount: int, to: Any = None) -> int:
        reference = make_reference(self.network, f"out{len(self.amounts)}")
        balance_id = self.network.get_balance_id(PERSON, ASSET)
        to = to or PayoutAccount(compute_account_hash(PAYEE))
        body = CreateWithdrawalRequest(balance_id, Amount(amount), None, to, reference, b"")
        self.close((PERSON, body))
        newest = int(self.network.ledger.state.get_counters().request)
        self.amounts[newest] = amount
        return newest

    def find_reference(self, request_id: int) -> str:
        return make_payout_reference(self.network.network_id, request_id)

    def get_paid(self) -> Counter[str]:
        """How often the bank has paid each reference."""
        return Counter({each["reference"]: each["paid"] for each in self.do()})

    def get_amount(self, name: str = PERSON) -> int:
        return self.network.get_amount(name, ASSET)


def run_withdrawals(world: PayoutWorld, count: int) -> None:
    """With crashes, broken answers, silence, rejections and returns."""
    chance = random.Random(world.seed)
    for _ in range(count):
        world.do(mode=chance.choice(tuple(PayoutMode)))
        world.is_away = chance.randrange(8) == 0
        world.withdraw(chance.randrange(1, 5_000))
        for _ in range(chance.randrange(2, 9)):
            world.step()
            if chance.randrange(6) == 0:
                world.restart(chance.randrange(3))
        if chance.randrange(8) == 0:
            world.wait_a_window()
        settle(world, chance)
    world.is_away = False
    for _ in range(3):
        world.run(12)
        world.wait_a_window()
    world.run(8)


def settle(world: PayoutWorld, chance: random.Random) -> None:
    """Now and then the bank makes up its mind."""
    waiting = [e["reference"] for e in world.do() if not e["paid"] and not e["rejected"]]
    paid = [each["reference"] for each in world.do() if each["paid"]]
    if waiting and chance.randrange(2):
        world.do(**{chance.choice(("pay", "reject")): [chance.choice(waiting)]})
    if paid and chance.randrange(6) == 0:
        choice = chance.choice(paid)
        world.do(give_back=[choice])
        world.returned.add(choice)
