"""Withdrawals by a gateway on a real ledger: three instances, crashes, keys that expire, a gateway
that misbehaves. Nobody is paid twice, and nothing is settled without evidence."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infra.sandbox.gateway import GatewayBook, GatewayDo
from processors.psim.gateways.adapter import PayoutState
from processors.psim.gateways.desk import GatewayDesk
from processors.psim.gateways.orders import make_reference as make_payout_reference
from processors.psim.gateways.source import GatewaySource
from schemas.generated.common import Amount, BankAccount, Hash, PayoutAccount
from schemas.generated.entries import TransferState
from schemas.generated.operations import (
    CreateWithdrawalRequest,
)
from schemas.payout_accounts import compute_account_hash
from tests.processors.psim.file_ledger import FUNDS, PAYEE, KnownPayees, add_file_asset
from tests.processors.psim.gateways.test_payouts import PAYOUTS, TTL_MS, Direct
from tests.processors.psim.gateways.test_source import CHAIN, KEY
from tests.processors.psim.money.ledger import PERSON
from tests.processors.psim.money.ledger import make_ledger as make_money_ledger
from tests.processors.psim.money.world import Machine, World
from tests.support.network import Network, make_reference

ASSET = "BEUR"
QUICK = PAYOUTS // 50


def make_ledger() -> Network:
    """The person has an asset that leaves by the gateway; the instances sign for it."""
    network = make_money_ledger()
    details = {"deposit": {"chain": "bank:example"}, "payout": {"chain": CHAIN}}
    add_file_asset(network, CHAIN, ASSET, details)
    return network


class GatewayMachine(Machine):
    """One instance with the gateway alone."""

    def make_desks(self) -> list[Any]:
        world = self.world
        assert isinstance(world, GatewayWorld)
        cosigner = world.make_cosigner(self.name)
        gateway = Direct(world.book, world.random)
        source = GatewaySource(CHAIN, gateway, "EUR")
        payees = KnownPayees(world.payees)
        return [GatewayDesk(source, gateway, "EUR", TTL_MS, payees, cosigner, world.get_time)]


class GatewayWorld(World):
    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.book = GatewayBook(folder, KEY, self.get_time)
        self.book.do(GatewayDo(ttl_s=TTL_MS / 1000, is_settling=False))
        self.amounts: dict[int, int] = {}
        self.payees = {compute_account_hash(PAYEE): PAYEE}
        super().__init__(seed, machine=GatewayMachine, network=make_ledger())

    def withdraw(self, amount: int, to: Any = None) -> None:
        number = len(self.amounts)
        reference = make_reference(self.network, f"out{number}")
        balance_id = self.network.get_balance_id(PERSON, ASSET)
        to = to or PayoutAccount(compute_account_hash(PAYEE))
        body = CreateWithdrawalRequest(balance_id, Amount(amount), None, to, reference, b"")
        self.close((PERSON, body))
        newest = self.network.ledger.state.get_counters().request
        self.amounts[int(newest)] = amount

    def get_paid(self) -> Counter[str]:
        return Counter(each.reference for each in self.book.list_payouts())

    def find_reference(self, request_id: int) -> str:
        return make_payout_reference(self.network.network_id, request_id)

    def get_transfers(self) -> list[Any]:
        return list(self.machines[0].view.transfers.values())


@pytest.fixture
def world(tmp_path: Path) -> GatewayWorld:
    return GatewayWorld(tmp_path)


def test_a_withdrawal_is_ordered_once_and_settled_by_the_event(world: GatewayWorld) -> None:
    world.withdraw(1_000)
    world.run(30)
    (payout,) = world.book.list_payouts()
    assert (payout.amount, payout.destination) == (1_000, PAYEE.iban)
    assert world.network.get_amount(PERSON, ASSET) == FUNDS - 1_000
    (transfer,) = world.get_transfers()
    assert transfer.state is not TransferState.SETTLED
    world.book.do(GatewayDo(settle=PayoutState.PAID))
    world.run(8)
    assert world.get_transfers() == []
    assert world.network.get_amount(PERSON, ASSET) == FUNDS - 1_000


def test_a_failed_payout_is_given_back(world: GatewayWorld) -> None:
    world.withdraw(1_000)
    world.run(30)
    world.book.do(GatewayDo(settle=PayoutState.FAILED))
    world.run(8)
    assert world.get_transfers() == []
    assert world.network.get_amount(PERSON, ASSET) == FUNDS
    assert len(world.book.list_payouts()) == 1


def test_nobody_is_named_on_the_ledger(world: GatewayWorld) -> None:
    world.withdraw(1_000)
    world.run(30)
    assert len(world.book.list_payouts()) == 1
    for closed in world.network.closed:
        assert PAYEE.iban.encode() not in closed.body
        assert PAYEE.holder.encode() not in closed.body


def test_destinations_that_are_none(world: GatewayWorld) -> None:
    world.withdraw(1_000, BankAccount(PAYEE.iban, ""))
    world.run(8)
    assert world.network.get_amount(PERSON, ASSET) == FUNDS
    world.withdraw(1_000, PayoutAccount(Hash(b"\x09" * 32)))
    world.withdraw(2_000)
    world.run(30)
    assert [each.amount for each in world.book.list_payouts()] == [2_000]
    assert len(world.machines[0].view.withdrawals) == 2
    assert any("have no payee" in each for each in world.get_problems())


def test_an_order_is_not_posted_before_somebody_says_who_is_paid(world: GatewayWorld) -> None:
    world.withdraw(1_000)
    while not world.get_transfers():
        world.step()
    known, world.payees = dict(world.payees), {}
    for machine in world.machines:
        machine.start()
    world.run(20)
    assert world.book.list_payouts() == []
    world.payees.update(known)
    for machine in world.machines:
        machine.start()
    world.run(20)
    assert len(world.book.list_payouts()) == 1


def run_withdrawals(world: GatewayWorld, count: int) -> None:
    chance = random.Random(world.seed)
    for _ in range(count):
        world.withdraw(chance.randrange(1, 5_000))
        for _ in range(chance.randrange(2, 9)):
            world.step()
            if chance.randrange(6) == 0:
                world.restart(chance.randrange(3))
        if chance.randrange(8) == 0:
            world.wait_a_window()
        if chance.randrange(2):
            stand = chance.choice((PayoutState.PAID, PayoutState.PAID, PayoutState.FAILED))
            world.book.do(GatewayDo(settle=stand))
    for _ in range(4):
        world.run(20)
        world.book.do(GatewayDo(settle=PayoutState.PAID))
        world.wait_a_window()
    world.run(10)
    check(world)


def check(world: GatewayWorld) -> None:
    """Each was paid at most once; what the person has left is what was not paid or is not known."""
    paid, states = world.get_paid(), {}
    for payout in world.book.list_payouts():
        states[payout.reference] = payout.state
    for request, amount in world.amounts.items():
        assert paid[world.find_reference(request)] <= 1, f"{request}: {amount} twice"
    pending = {int(n) for each in world.get_transfers() for n in each.requests}
    waiting = {n for n in world.machines[0].view.withdrawals if n in world.amounts}
    gone = sum(
        amount
        for request, amount in world.amounts.items()
        if request in pending | waiting
        or states.get(world.find_reference(request)) is PayoutState.PAID
    )
    assert world.network.get_amount(PERSON, ASSET) == FUNDS - gone
    for request in world.amounts.keys() - pending - waiting:
        assert paid[world.find_reference(request)] == 1, f"{request} is settled without evidence"


def test_withdrawals_with_time_outs_expiry_and_crashes(world: GatewayWorld) -> None:
    run_withdrawals(world, QUICK)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(3_000)
def test_withdrawals_campaign(world: GatewayWorld, pytestconfig: pytest.Config) -> None:
    run_withdrawals(world, 5 * QUICK * pytestconfig.getoption("--faults"))
