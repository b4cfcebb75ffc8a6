"""Reserves of assets at banks and gateways: every difference is an item, and one unit is missed."""

import random
from pathlib import Path

import pytest

from infra.sandbox.accounts import GIRO
from infra.sandbox.bank import Booking
from processors.psim.gateways.adapter import PayoutState
from processors.psim.meanings import find_account_assets
from processors.psim.reserves.accounts import GRACE_MS
from schemas.generated.common import Hash, TransferOutcome
from schemas.generated.events import ReserveItemKind as Kind
from schemas.generated.events import ReserveReport
from schemas.generated.operations import (
    ManageKeyValue,
    PutKeyValue,
    SettledOutcome,
    SettleExternalTransfer,
    StringValue,
)
from schemas.strkey import encode_balance_id
from tests.processors.psim.banks.reserves_world import (
    EURO,
    EURO_BANK,
    FRANC,
    GATEWAY,
    ReserveWorld,
)
from tests.processors.psim.file_ledger import FUNDS
from tests.processors.psim.money.ledger import PERSON, SOURCE

STEPS_TO_FIND = 6
"""Of ten seconds each."""
SCHEDULES, QUICK_STEPS = 20, 12


@pytest.fixture
def world(tmp_path: Path) -> ReserveWorld:
    return ReserveWorld(tmp_path)


@pytest.fixture
def reference(world: ReserveWorld) -> str:
    return world.open_accounts()


def list_items(report: ReserveReport) -> list[tuple[Kind, int]]:
    return [(each.kind, int(each.amount)) for each in report.items]


def is_even(report: ReserveReport) -> bool:
    return (report.missing, report.surplus) == (0, 0)


def test_both_accounts_hold_an_asset_that_comes_and_leaves_otherwise(
    world: ReserveWorld, reference: str
) -> None:
    world.pay_in(Booking("10.00", text=reference))
    world.run(4)
    world.withdraw(300)
    world.run(12)
    report = world.get_report()
    assert is_even(report)
    assert (report.issued, report.chain_id) == (FUNDS + 700, EURO_BANK)
    assert [(each.chain_id, each.height) for each in report.also] == [(GATEWAY, 1)]
    held = {each.chain_id: each.amount for each in report.holdings}
    assert held == {EURO_BANK: FUNDS + 1_000, GATEWAY: 0}
    assert list_items(report) == [(Kind.OVERDRAWN, 300)]


def test_what_is_not_credited_is_an_item_by_its_entry(world: ReserveWorld, reference: str) -> None:
    world.pay_in(
        Booking("0.09", text=reference), Booking("5.00", text="thank you"), Booking("0.01")
    )
    report = world.get_report()
    assert is_even(report)
    found = [(each.kind, each.name, each.amount) for each in report.items]
    assert found == [
        (Kind.UNCREDITED, f"{EURO_BANK} 2:2", 500),
        (Kind.DUST, f"{EURO_BANK} 2:1", 9),
        (Kind.DUST, f"{EURO_BANK} 2:3", 1),
    ]
    world.close(interval_ms=2 * 24 * 3_600_000)
    world.run(4)
    report = world.get_report()
    assert is_even(report)
    assert (Kind.PARKED, 500) in list_items(report)


@pytest.mark.parametrize("asset", [EURO, FRANC])
def test_what_is_paid_and_not_settled_is_an_item(
    world: ReserveWorld, reference: str, asset: str
) -> None:
    del reference
    world.keep()
    world.withdraw(300, asset)
    world.run(14)
    assert list_items(world.get_report(asset)) == []
    for machine in world.machines:  # nobody settles it any more
        machine.services = machine.services[2:]
    world.do(settle=PayoutState.PAID)
    world.do_giro(pay=[each["reference"] for each in world.do_giro()])
    report = world.get_report(asset)
    assert is_even(report)
    assert (Kind.PAID, 300) in list_items(report)


def test_a_payout_that_comes_back_is_even_all_the_way(world: ReserveWorld, reference: str) -> None:
    del reference
    world.withdraw(300, FRANC)
    world.run(14)
    assert world.get_report(FRANC).issued == FUNDS - 300
    world.do_giro(give_back=[each["reference"] for each in world.do_giro()])
    assert world.get_report(FRANC).issued == FUNDS
    assert all(map(is_even, world.agreed))


def test_what_people_say_is_paid_is_owed_until_it_is_debited(
    world: ReserveWorld, reference: str
) -> None:
    del reference
    world.keep()
    request = world.withdraw(300, FRANC)
    world.run(14)
    (transfer,) = world.get_transfers()
    result = SettledOutcome(TransferOutcome.PAID, Hash(b"\x01" * 32))
    world.close((SOURCE, SettleExternalTransfer(transfer.transfer_id, result, None)))
    report = world.get_report(FRANC)
    assert is_even(report)
    found = [(each.kind, each.name, each.amount) for each in report.items]
    assert found == [(Kind.UNDEBITED, str(request), 300)]
    world.do_giro(pay=[each["reference"] for each in world.do_giro()])
    assert list_items(world.get_report(FRANC)) == []
    assert all(map(is_even, world.agreed))


def test_what_is_paid_twice_is_missing(world: ReserveWorld, reference: str) -> None:
    del reference
    world.withdraw(300, FRANC)
    world.run(14)
    world.do_giro(pay=[each["reference"] for each in world.do_giro()])
    assert world.get_report(FRANC).missing == 300


def test_a_reversal_is_explained_until_it_is_burned(world: ReserveWorld, reference: str) -> None:
    world.pay_in(Booking("10.00", text=reference))
    world.run(4)
    world.pay_in(Booking("-10.00", text=reference, is_reversal=True))
    report = world.get_report()
    assert (report.issued, is_even(report), list_items(report)) == (FUNDS, True, [])
    assert all(map(is_even, world.agreed))


def test_a_reversal_that_nobody_can_match_is_missing(world: ReserveWorld, reference: str) -> None:
    world.pay_in(Booking("-10.00", text=reference, is_reversal=True))
    assert world.get_report().missing == 1_000


def test_a_fee_is_burned_of_the_float_or_missing_in_the_end(
    world: ReserveWorld, reference: str
) -> None:
    del reference
    world.pay_in(Booking("-0.07", is_charge=True))
    world.do(charge=[5])
    report = world.get_report()
    assert is_even(report)
    assert {(Kind.CHARGED, 7), (Kind.CHARGED, 5)} <= set(list_items(report))
    world.close(interval_ms=GRACE_MS)
    assert world.get_report().missing == 12
    balance = encode_balance_id(world.network.get_balance_id(PERSON, EURO))
    for chain_id in (EURO_BANK, GATEWAY):
        key = f"network_fee_balance:{chain_id}"
        world.close(("master", ManageKeyValue(key, PutKeyValue(StringValue(balance)))))
    world.run(8)
    report = world.get_report()
    assert (report.issued, is_even(report)) == (FUNDS - 12, True)


def test_what_left_is_missing_and_halts_withdrawals(world: ReserveWorld, reference: str) -> None:
    del reference
    world.pay_in(Booking("-0.01", text="to whom it may concern"))
    assert world.get_report().missing == 1
    state = world.network.ledger.state
    halt = state.get_asset_halt(EURO)
    assert halt is not None
    assert halt.withdrawal
    assert state.get_asset_halt(FRANC) is None


def test_an_account_that_is_away_holds_up_its_own_asset_alone(
    world: ReserveWorld, reference: str
) -> None:
    before = {asset: world.get_report(asset) for asset in (EURO, FRANC)}
    world.gateway.is_away = True
    world.pay_in(Booking("5.00", text=reference))
    world.pay_in(Booking("7.00", text="for nobody"), name=GIRO)
    assert list_items(world.get_report(FRANC)) == [(Kind.UNCREDITED, 700)]
    assert world.find_report(EURO) == before[EURO]
    world.gateway.is_away = False
    assert world.get_report().issued == before[EURO].issued + 500


def test_accounts_of_two_assets_have_no_reserves(world: ReserveWorld) -> None:
    found, problems = find_account_assets(world.machines[0].view)
    assert {code: each.accounts for code, each in found.items()} == {
        EURO: (EURO_BANK, GATEWAY),
        FRANC: ("bank:giro",),
    }
    assert problems == []


def run_schedule(world: ReserveWorld, reference: str, steps: int) -> None:
    """Whatever happens, no report finds anything missing or more; in the end one unit goes."""
    chance = random.Random(world.seed)
    paid_in: list[tuple[str, str]] = []
    for number in range(steps):
        world.do(is_settling=bool(chance.randrange(2)))
        match chance.randrange(7):
            case 0 | 1:
                amount = f"{chance.randrange(1, 5_000) / 100:.2f}"
                payer = f"E{number}"
                world.pay_in(Booking(amount, text=reference, end_to_end_id=payer))
                paid_in.append((amount, payer))
            case 2 if paid_in:
                amount, payer = paid_in.pop(chance.randrange(len(paid_in)))
                back = Booking(f"-{amount}", end_to_end_id=payer, is_reversal=True)
                world.pay_in(back)
            case 3:
                world.pay_in(Booking("1.00", text="for nobody"))
            case 4:
                world.do(settle=chance.choice((PayoutState.PAID, PayoutState.FAILED)))
            case 5:
                world.restart(chance.randrange(3))
            case _:
                world.withdraw(chance.randrange(1, 5_000))
        world.run(chance.randrange(1, 6))
    world.do(settle=PayoutState.PAID)
    world.run(12)
    wrong = [each for each in world.agreed if not is_even(each)]
    assert not wrong, wrong[0]
    world.pay_in(Booking("-0.01", text="stolen"))
    world.run(STEPS_TO_FIND)
    report = world.find_report(EURO)
    assert report is not None
    assert report.missing == 1


def test_nothing_is_missing_until_it_is(world: ReserveWorld, reference: str) -> None:
    run_schedule(world, reference, QUICK_STEPS)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(3_000)
def test_account_reserves_campaign(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    for seed in range(2, 2 + SCHEDULES // 10 * pytestconfig.getoption("--faults")):
        folder = tmp_path / str(seed)
        folder.mkdir()
        world = ReserveWorld(folder, seed)
        run_schedule(world, world.open_accounts(), 2 * QUICK_STEPS)
