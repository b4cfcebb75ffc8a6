"""Reserves: what is owed and what is held, found by three instances on a real ledger."""

from collections.abc import Callable
from typing import Any

import pytest

from processors.psim.chains.source import COIN, Block, ChainPayment
from processors.psim.reserves import rules, watch
from processors.psim.reserves.agreement import Agreement
from processors.psim.reserves.rules import ChainFacts, LedgerFacts, PayoutFacts, Received
from processors.psim.view import LedgerView
from schemas.generated.common import Hash, WalletKind
from schemas.generated.events import ReserveItemKind as Kind
from schemas.generated.events import ReserveReport
from streams.ledger.sum_tree import SumTree
from tests.processors.psim.chain_model import make_payment
from tests.processors.psim.plants import check_found
from tests.processors.psim.reserves_world import ReserveSchedule, ReserveWorld
from tests.processors.psim.world import CHAIN, COIN_ASSET, TOKEN, TOKEN_ASSET, now
from tests.support.network import create_account

SCHEDULES, REPORTS = 250, 1_000
STEPS_TO_FIND = 6
"""Of ten seconds each."""


@pytest.fixture
def world() -> ReserveWorld:
    made = ReserveWorld()
    made.begin()
    return made


def list_items(report: ReserveReport) -> list[tuple[Kind, int]]:
    return [(each.kind, int(each.amount)) for each in report.items]


def test_what_is_owed_is_held(world: ReserveWorld) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000), make_payment("b", address, 70, TOKEN))
    world.settle()
    report = world.get_report()
    assert (report.issued, report.holdings[0].amount) == (1_000, 1_000)
    assert (report.missing, report.surplus, report.items) == (0, 0, ())
    assert world.get_report(TOKEN_ASSET).issued == 70


def test_every_holder_is_in_the_tree(world: ReserveWorld) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000))
    world.settle()
    report, tree = world.get_report(), SumTree.make(world.leaves[COIN_ASSET])
    assert (tree.root.hash, tree.root.sum) == (report.liabilities, report.issued)
    assert report.balances == tree.leaf_count == 1


def test_addresses_are_counted_as_of_the_ledger(world: ReserveWorld) -> None:
    world.settle()
    machine = world.machines[0]
    assert machine.reserves is not None
    facts = machine.reserves.agreements[COIN_ASSET].get_newest()
    assert facts is not None

    def derive() -> ReserveReport:
        assert machine.reserves is not None
        return now(machine.reserves.make_report(machine.view, facts, (1,)))

    before, known = derive(), len(machine.view.addresses[CHAIN])
    for number in range(8):
        world.close(("master", create_account(f"newcomer {number}")))
        world.bind(f"newcomer {number}")
    world.run(8)
    assert len(machine.view.addresses[CHAIN]) > known
    assert derive() == before


def test_dust_is_an_item(world: ReserveWorld) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 9), make_payment("b", address, 10))
    world.settle()
    report = world.get_report()
    assert list_items(report) == [(Kind.DUST, 9)]
    assert (report.issued, report.missing, report.surplus) == (10, 0, 0)


def test_what_has_no_owner_yet_is_an_item(world: ReserveWorld) -> None:
    pool = world.network.ledger.state.get_external_pool("eip155:31337", 1)
    assert pool is not None
    assert pool.first is not None
    world.chain.mine(make_payment("a", pool.first, 500))
    world.settle()
    assert list_items(world.get_report()) == [(Kind.UNCREDITED, 500)]
    world.close(interval_ms=25 * 3_600_000)
    world.run(12)
    assert list_items(world.get_report()) == [(Kind.PARKED, 500)]


def test_what_left_without_a_transfer_is_missing_and_halts_withdrawals(world: ReserveWorld) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 1_000))
    world.settle()
    world.chain.mine(sent={(address, COIN): 1})
    world.settle()
    assert world.get_report().missing == 1
    halt = world.network.ledger.state.get_asset_halt(COIN_ASSET)
    assert halt is not None
    assert halt.withdrawal
    assert world.network.ledger.state.get_asset_halt(TOKEN_ASSET) is None


def test_a_restart_finds_the_same(world: ReserveWorld) -> None:
    address = world.bind("alice")
    world.chain.mine(make_payment("a", address, 9), make_payment("b", address, 2_000))
    world.settle()
    before = world.get_report()
    for number in range(3):
        world.restart(number)
    world.settle()
    after = world.get_report()
    assert after.sequence > before.sequence
    assert (after.items, after.issued, after.liabilities) == (
        before.items,
        before.issued,
        before.liabilities,
    )


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_missing_until_it_is(seed: int) -> None:
    schedule = ReserveSchedule(seed)
    schedule.run()
    assert schedule.steal() <= STEPS_TO_FIND


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(5))
def test_differences_campaign(part: int, pytestconfig: pytest.Config) -> None:
    """A unit is stolen in each of 250 schedules, and found; before, a thousand reports of random
    blocks and ledgers find nothing missing (`ReserveSchedule.check`)."""
    count, reports = SCHEDULES // 50 * pytestconfig.getoption("--faults"), 0
    for seed in range(1_000 * part, 1_000 * part + count):
        schedule = ReserveSchedule(seed)
        schedule.run()
        reports += len({(each.sequence, each.height) for each in schedule.world.agreed})
        assert schedule.steal() <= STEPS_TO_FIND, f"seed {seed}"
    assert reports >= REPORTS // SCHEDULES * count


def plant_credits_of_later_ledgers(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_credited(view: LedgerView, reference: str, sequence: int) -> bool:
        del sequence
        return view.is_used(reference)

    monkeypatch.setattr(watch, "is_credited", is_credited)


def plant_nothing_is_parked(monkeypatch: pytest.MonkeyPatch) -> None:
    real = rules.find_facts

    def find_facts(*args: Any) -> LedgerFacts:
        return real(*args)._replace(parked={})

    monkeypatch.setattr(watch, "find_facts", find_facts)


def plant_dust_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    real = rules.judge

    def judge(facts: LedgerFacts, payment: Received) -> Kind | None:
        return None if payment.amount < facts.minimum else real(facts, payment)

    monkeypatch.setattr(rules, "judge", judge)


def plant_tokens_are_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def measure(*args: Any) -> list[tuple[ChainPayment, int]]:
        return [(payment, payment.amount) for payment in args[2]]

    monkeypatch.setattr(watch, "measure", measure)


def plant_any_block_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that was no longer the newest when the ledger closed."""

    def note_final(agreement: Agreement, final: tuple[int, ...]) -> None:
        for sequence in agreement._facts:
            agreement._floors.setdefault(sequence, (0,) * len(final))

    monkeypatch.setattr(Agreement, "note_final", note_final)


LAGGING = 235
"""A schedule in which one endpoint is behind while others credit."""
PLANTED = (
    plant_credits_of_later_ledgers,
    plant_nothing_is_parked,
    plant_dust_is_forgotten,
    plant_tokens_are_believed,
    plant_any_block_will_do,
)


@pytest.mark.border
@pytest.mark.parametrize("plant", PLANTED, ids=lambda each: each.__name__)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    check_found(ReserveSchedule, (LAGGING, *range(60)))


def make_facts(**changes: Any) -> LedgerFacts:
    leaves = bytes([1]) * 32 + (900).to_bytes(16, "big")
    facts = LedgerFacts(
        Hash(bytes(32)), COIN_ASSET, (CHAIN,), COIN, 10, 5, 1_000, 900, SumTree.make(leaves),
        leaves, {}, {}, (), 3, PayoutFacts({}, 0, {}), 0, (10,),
    )  # fmt: skip
    return facts._replace(**changes)


def make_chain(
    held: int, received: tuple[Received, ...] = (), paid: dict[int, int] | None = None
) -> ChainFacts:
    block = Block(20, Hash(bytes(32)), Hash(bytes(32)), 0)
    return ChainFacts(block, {WalletKind.HOT: (1, held)}, received, paid or {})


def test_what_an_open_transfer_paid_is_an_item() -> None:
    chain = make_chain(500, paid={3: 400})
    report = rules.make_report(make_facts(transfers={3}), chain)
    assert list_items(report) == [(Kind.PAID, 400)]
    assert (report.missing, report.surplus) == (0, 0)
    report = rules.make_report(make_facts(), chain)
    assert (report.missing, report.surplus) == (400, 0)


def test_what_was_committed_after_the_ledger_and_paid_before_the_block_is_an_item() -> None:
    """The block is final, and so younger than the ledger where blocks come fast."""
    report = rules.make_report(make_facts(newest_transfer=6), make_chain(500, paid={7: 400}))
    assert list_items(report) == [(Kind.PAID, 400)]
    assert (report.missing, report.surplus) == (0, 0)


def test_a_network_fee_that_nobody_paid_is_an_item() -> None:
    report = rules.make_report(make_facts(debts={4: 30}), make_chain(870))
    assert list_items(report) == [(Kind.DEBT, 30)]
    assert (report.missing, report.surplus) == (0, 0)


def test_dust_of_long_ago_explains_a_surplus_and_nothing_missing() -> None:
    old = Received("tx:0", "r", COIN, 9, 5, -1)
    facts = make_facts(first_day=0)
    for held, missing, surplus in ((900, 0, 0), (909, 0, 0), (910, 0, 1), (899, 1, 0)):
        report = rules.make_report(facts, make_chain(held, received=(old,)))
        assert (report.missing, report.surplus) == (missing, surplus)


def test_more_items_than_are_listed_are_summed_up() -> None:
    dust = tuple(Received(f"tx{n}:0", str(n), COIN, 1, 5, 3) for n in range(700))
    report = rules.make_report(make_facts(), make_chain(1_600, received=dust))
    assert len(report.items) == rules.LISTED_MAX
    (rest,) = report.rests
    assert (rest.kind, rest.count, rest.amount) == (Kind.DUST, 200, 200)
    assert (report.missing, report.surplus) == (0, 0)
