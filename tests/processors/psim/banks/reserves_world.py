"""Two assets at three accounts: euros come in by a bank and leave by a gateway, francs come and
leave by another bank. Three instances deposit, pay out, and report on reserves."""

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.sandbox.accounts import BANK, GIRO
from infra.sandbox.bank import ACCOUNTS, Bank, BankOrder, Booking
from infra.sandbox.gateway import GatewayBook, GatewayDo
from infra.sandbox.payouts import PayoutBook, PayoutMode, PayoutsDo
from processors.psim.banks.desk import BankDesk
from processors.psim.banks.source import BankSource
from processors.psim.banks.watch import AccountWatch
from processors.psim.chains.source import ChainUnavailable
from processors.psim.deposit.service import DepositService
from processors.psim.gateways.adapter import GatewayUnknown
from processors.psim.gateways.desk import GatewayDesk
from processors.psim.gateways.source import GatewaySource
from processors.psim.reserves.account_watch import AccountReserves
from processors.psim.reserves.rules import LedgerFacts
from processors.psim.reserves.service import ReservesService
from processors.psim.signing.rules import Signing
from schemas.generated.common import Amount, PayoutAccount
from schemas.generated.events import ReserveReport, SignedReserveReport
from schemas.generated.operations import BindExternalSystemAccountId, CreateWithdrawalRequest
from schemas.payout_accounts import compute_account_hash
from tests.processors.psim.banks.payout_world import (
    KEY,
    PAYER,
    BookOutbox,
    BookStore,
)
from tests.processors.psim.file_ledger import FUNDS, PAYEE, KnownPayees, add_file_asset
from tests.processors.psim.gateways.test_payouts import TTL_MS
from tests.processors.psim.money.ledger import PERSON, SOURCE
from tests.processors.psim.money.ledger import make_ledger as make_money_ledger
from tests.processors.psim.money.world import Machine, World
from tests.processors.psim.world import SUSPENSE, make_signer, now
from tests.support.network import Network, create_account, get_account, make_reference

EURO, FRANC = "BEUR", "BCHF"
EURO_BANK, GATEWAY, FRANC_BANK = "bank:euro", "bank:gateway", "bank:giro"
LEAST = 10
"""The least deposit of both."""
STEP_MS = 10_000


def make_ledger() -> Network:
    network = make_money_ledger()
    network.apply("master", create_account(SUSPENSE))
    deposit = {"chain": EURO_BANK, "minimum": str(LEAST)}
    add_file_asset(network, GATEWAY, EURO, {"deposit": deposit, "payout": {"chain": GATEWAY}})
    add_file_asset(network, FRANC_BANK, FRANC, {"deposit": {**deposit, "chain": FRANC_BANK}})
    return network


class ReserveMachine(Machine):
    world: "ReserveWorld"

    def start(self) -> None:
        world, key = self.world, make_signer(self.name)
        self.sources: dict[str, Any] = {
            EURO_BANK: self._make_bank(EURO_BANK, BANK),
            FRANC_BANK: self._make_bank(FRANC_BANK, GIRO),
            GATEWAY: GatewaySource(GATEWAY, world.gateway, "EUR"),
        }
        self.watches: list[AccountWatch] = []
        self.reserves: AccountReserves | None = None
        super().start()
        self.watches = [
            AccountWatch(
                chain_id,
                source,
                get_account(SUSPENSE),
                lambda: self.view,
                lambda: None,
                clock=world.get_time,
            )
            for chain_id, source in self.sources.items()
        ]
        self.reserves = AccountReserves(
            self.sources, key, lambda: self.view, self._tell, lambda: None, world.get_time
        )
        self.reporting = ReservesService([self.reserves])
        for service in (DepositService(self.watches), self.reporting):
            about = world.network.network_id, get_account(SOURCE), key.public_key, key.sign
            self.services.append((service, Signing(service.name, *about)))

    def _make_bank(self, chain_id: str, name: str) -> BankSource:
        account, store = ACCOUNTS[name], BookStore(self.world.banks[name])
        return BankSource(chain_id, store, account.iban, account.currency, 2, 1)

    def make_desks(self) -> list[Any]:
        world, sources = self.world, self.sources
        cosigner, clock = world.make_cosigner(self.name), world.get_time
        payees: Any = KnownPayees(world.payees)
        gateway: Any = world.gateway
        outbox: Any = BookOutbox(world)  # type: ignore[arg-type]
        return [
            GatewayDesk(sources[GATEWAY], gateway, "EUR", TTL_MS, payees, cosigner, clock),
            BankDesk(FRANC_BANK, PAYER, sources[FRANC_BANK], outbox, payees, cosigner, clock),
        ]

    def follow(self) -> None:
        for closed in self.world.network.closed[self.view.sequence :]:
            self.view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
            for _, signing in self.services:
                signing.note_applied(self.view.applied)
            if self.reserves is not None:
                self.reporting.note_ledger(self.view)

    def look(self) -> None:
        for service, _ in self.services:
            for desk in getattr(service, "desks", ()):
                now(service.look(desk))  # type: ignore[attr-defined]
        for watch in self.watches:
            try:
                while now(watch.look()):
                    pass
            except ChainUnavailable:
                pass
        if self.reserves is not None:
            with contextlib.suppress(ChainUnavailable):
                now(self.reserves.look())

    def _tell(self, asset: str, told: SignedReserveReport, facts: LedgerFacts | None) -> None:
        del asset, facts
        self.world.reports += [(other, told) for other in self.world.machines]


class WellGateway:
    """The sandbox without a network, at its best."""

    def __init__(self, book: GatewayBook) -> None:
        self._book = book
        self.is_away = False

    async def list_events(self, after: int) -> Any:
        if self.is_away:
            raise GatewayUnknown("away")
        return self._book.list_events(after)

    async def find_payout(self, reference: str) -> Any:
        return next(iter(self._book.find_payouts(reference)), None)

    async def post_payout(self, order: Any) -> Any:
        self._book.post(order.reference, order)


class ReserveWorld(World):
    """Ten seconds a step. `agreed`: every report that all instances together have signed."""

    machines: Sequence[ReserveMachine]  # type: ignore[assignment]

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.banks = {name: Bank(folder, name) for name in ACCOUNTS}
        self.payouts = PayoutBook(folder, self.banks[GIRO], KEY)
        self.book = GatewayBook(folder, KEY, self.get_time)
        self.gateway = WellGateway(self.book)
        self.payees = {compute_account_hash(PAYEE): PAYEE}
        self.files: defaultdict[str, set[bytes]] = defaultdict(set)
        self.is_away = False
        self.reports: list[tuple[ReserveMachine, SignedReserveReport]] = []
        self.agreed: list[ReserveReport] = []
        self.asked_count = 0
        super().__init__(seed, machine=ReserveMachine, network=make_ledger())

    def open_accounts(self) -> str:
        """What the person has lies on the accounts; his payment reference at the euros' bank."""
        for bank in self.banks.values():
            bank.book(BankOrder(opening=f"{FUNDS / 100:.2f}"), self.get_now())
        self.run(6)
        self.close((PERSON, BindExternalSystemAccountId(EURO_BANK)))
        own = self.network.ledger.state.get_external_account(get_account(PERSON), EURO_BANK)
        assert own is not None
        return own.address

    def close(self, *bodies: tuple[str, Any], interval_ms: int = STEP_MS) -> None:
        super().close(*bodies, interval_ms=interval_ms)
        waiting, self.reports = self.reports, []
        for machine, told in waiting:
            machine.reporting.take(told)
        for asset in (EURO, FRANC):
            report = self.find_report(asset)
            if report is not None and report not in self.agreed:
                self.agreed.append(report)

    def find_report(self, asset: str) -> ReserveReport | None:
        reserves = self.machines[0].reserves
        return None if reserves is None else reserves.get_agreed(asset)

    def get_report(self, asset: str = EURO) -> ReserveReport:
        """What all agree on, some cycles later."""
        self.run(8)
        reserves = [each.reserves for each in self.machines if each.reserves is not None]
        (report,) = {each.get_agreed(asset) for each in reserves}
        assert report is not None
        return report

    def pay_in(self, *bookings: Booking, name: str = BANK) -> None:
        self.banks[name].book(BankOrder(bookings=list(bookings)), self.get_now())

    def do(self, **order: Any) -> None:
        self.book.do(GatewayDo(**order))

    def do_giro(self, **order: Any) -> list[dict[str, Any]]:
        return list(self.payouts.do(PayoutsDo(**order), self.get_now())["payouts"])

    def keep(self) -> None:
        """Nobody settles payouts until he is told to."""
        self.do(is_settling=False)
        self.do_giro(mode=PayoutMode.KEEP)

    def withdraw(self, amount: int, asset: str = EURO) -> int:
        self.asked_count += 1
        reference = make_reference(self.network, f"out{self.asked_count}")
        balance_id = self.network.get_balance_id(PERSON, asset)
        to = PayoutAccount(compute_account_hash(PAYEE))
        body = CreateWithdrawalRequest(balance_id, Amount(amount), None, to, reference, b"")
        self.close((PERSON, body))
        return int(self.network.ledger.state.get_counters().request)
