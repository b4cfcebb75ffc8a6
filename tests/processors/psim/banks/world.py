"""A real ledger, a bank's files in a folder, three instances of Deposit that read it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.sandbox.accounts import ACCOUNT, CURRENCY
from infra.sandbox.bank import Bank, BankOrder, Booking
from processors.psim.banks.source import BankSource
from processors.psim.banks.store import FolderStore
from processors.psim.banks.watch import AccountWatch
from processors.psim.chains.source import ChainContradiction, ChainSource, ChainUnavailable
from processors.psim.deposit.service import DepositService
from processors.psim.view import LedgerView
from schemas.generated.operations import BindExternalSystemAccountId
from streams.ledger.values import AssetPolicy
from tests.processors.psim import world as worlds
from tests.processors.psim.world import SOURCE, SUSPENSE, Machine, World, create_own_asset, now
from tests.support import border
from tests.support.network import Network, get_account, pay

BANK, ASSET = border.BANK, "BEUR"


def make_ledger(chain_id: str = BANK) -> Network:
    """The shared account with an asset of the bank's."""
    network = worlds.make_ledger()
    details = json.dumps({"deposit": {"chain": chain_id, "minimum": "1"}}).encode()
    made: Any = create_own_asset(ASSET, details)
    names = {name: getattr(made.action, name) for name in made.action.__struct_fields__}
    policies = int(AssetPolicy.TRANSFERABLE)
    network.apply(SOURCE, type(made)(0, type(made.action)(**{**names, "policies": policies})))
    return network


class BookMachine(Machine):
    """One instance that watches the bank alone."""

    chain_id = BANK

    def start(self) -> None:
        network = self.world.network
        self.view = LedgerView(network.network_id, get_account(SOURCE))
        self.source = self.make_source()
        source: Any = self.source
        self.watch = AccountWatch(
            self.chain_id,
            source,
            get_account(SUSPENSE),
            lambda: self.view,
            lambda: None,
            clock=lambda: self.view.close_time_ms / 1000,
        )
        self.service = DepositService([self.watch])
        self.signing = self.world.make_signing(self.name)
        self.follow()

    def make_source(self) -> ChainSource:
        assert isinstance(self.world, BankWorld)
        store = FolderStore(self.world.folder)
        return BankSource(BANK, store, ACCOUNT, CURRENCY, 2, 1)

    def look(self) -> None:
        try:
            while now(self.watch.look()):
                pass
        except ChainUnavailable as error:
            self.watch._note(f"the endpoint is away: {error}", is_contradiction=False)
        except ChainContradiction as error:
            self.watch._note(f"contradiction: {error}", is_contradiction=True)
        else:
            self.watch._note("", is_contradiction=False)


class BankWorld(World):
    """`folder`: where the bank's files lie; `bank`: writes them."""

    def __init__(self, folder: Path, book: Path, seed: int = 1) -> None:
        self.folder = folder
        self.bank = Bank(book)
        self.files = 0
        super().__init__(seed, 0, make_ledger(), BookMachine)

    def book(self, *bookings: Booking, **more: Any) -> str:
        """One statement, delivered."""
        at_s = self.network.ledger.header.close_time_ms / 1000
        order = BankOrder(bookings=list(bookings), **more)
        name = self.bank.book(order, datetime.fromtimestamp(at_s, UTC))
        self.deliver_file(name)
        return name

    def read_file(self, name: str) -> bytes:
        query = "select content from files where name = ?"
        (content,) = self.bank._book.execute(query, (name,)).fetchone()
        return bytes(content)

    def deliver_file(self, name: str, content: bytes | None = None) -> None:
        self.files += 1
        path = self.folder / f"{self.files:06}.xml"
        path.write_bytes(self.read_file(name) if content is None else content)

    def begin(self) -> None:
        self.run(5)
        assert self.get_checkpoint() is not None
        assert self.network.ledger.state.get_external_pool(BANK, 0) is not None

    def bind(self, name: str) -> str:
        self.close((name, BindExternalSystemAccountId(BANK)))
        own = self.network.ledger.state.get_external_account(get_account(name), BANK)
        assert own is not None
        return own.address

    def get_checkpoint(self) -> Any:
        return self.network.ledger.state.get_chain_checkpoint(BANK)

    def get_paid(self, name: str) -> int:
        return self.network.get_amount(name, ASSET)

    def pay(self, payer: str, payee: str, amount: int) -> None:
        self.close((payer, pay(self.network, payer, payee, ASSET, amount)))

    def get_parked(self) -> int:
        supply = self.network.ledger.state.get_asset_supply(ASSET)
        return 0 if supply is None else int(supply.pending_issuance)

    def find_problems(self) -> list[str]:
        return list(self.machines[0].service.get_status()["problems"])
