"""Money in by statements: credited once, whatever a bank delivers how often."""

import itertools
import random
from pathlib import Path

import pytest

from infra.sandbox.bank import Booking
from processors.psim.deposit.rules import UNOWNED_MS
from tests.processors.psim.banks.world import BankWorld

DELIVERIES = 200
QUICK = DELIVERIES // 10


@pytest.fixture
def world(tmp_path: Path) -> BankWorld:
    folder, book = tmp_path / "statements", tmp_path / "book"
    folder.mkdir()
    book.mkdir()
    made = BankWorld(folder, book)
    made.begin()
    return made


def test_a_payment_reference_credits_its_owner_once(world: BankWorld) -> None:
    reference = world.bind("alice")
    name = world.book(Booking("10.50", text=f"Invoice 7 {reference[:8]} {reference[8:]}"))
    world.run(4)
    assert world.get_paid("alice") == 1_050
    assert world.get_checkpoint().height == 1
    world.deliver_file(name)
    world.wait_a_window()
    world.run(4)
    assert world.get_paid("alice") == 1_050
    assert world.find_problems() == []


def test_a_delivery_with_another_date_is_the_same_statement(world: BankWorld) -> None:
    reference = world.bind("alice")
    name = world.book(Booking("10.50", text=reference))
    world.run(4)
    content = world.read_file(name).replace(b"<MsgId>S1</MsgId>", b"<MsgId>again</MsgId>")
    world.deliver_file(name, content)
    world.book(Booking("1.00", text=reference))
    world.run(4)
    assert world.get_paid("alice") == 1_150
    assert world.find_problems() == []


def test_the_sandbox_repeats_a_statement_as_it_was(world: BankWorld) -> None:
    reference = world.bind("alice")
    world.book(Booking("10.50", text=reference))
    world.book(Booking("10.50", text=reference), is_repeated=True)
    world.run(4)
    assert world.get_paid("alice") == 1_050
    assert world.find_problems() == []


def test_a_changed_delivery_of_what_was_worked_off_halts_the_bank(world: BankWorld) -> None:
    reference = world.bind("alice")
    name = world.book(Booking("10.50", text=reference))
    world.run(4)
    content = world.read_file(name).replace(b"10.50", b"90.50")
    world.deliver_file(name, content)
    world.run(4)
    assert world.get_checkpoint().evidence is not None
    assert world.get_paid("alice") == 1_050


def test_a_changed_delivery_of_what_was_not_worked_off_is_held(world: BankWorld) -> None:
    reference = world.bind("alice")
    name = world.book(Booking("10.50", text=reference))
    world.deliver_file(name, world.read_file(name).replace(b"10.50", b"90.50"))
    world.run(4)
    assert world.get_paid("alice") == 0
    assert any("other contents" in each for each in world.find_problems())


def test_a_gap_holds_what_comes_after_it(world: BankWorld) -> None:
    reference = world.bind("alice")
    world.book(Booking("1.00", text=reference))
    missing = world.book(Booking("2.00", text=reference))
    (world.folder / f"{world.files:06}.xml").unlink()
    world.book(Booking("4.00", text=reference))
    world.run(4)
    assert world.get_paid("alice") == 100
    assert any("is missing" in each for each in world.find_problems())
    world.deliver_file(missing)
    world.run(4)
    assert world.get_paid("alice") == 700
    assert world.find_problems() == []


def test_balances_that_do_not_follow_hold(world: BankWorld) -> None:
    reference = world.bind("alice")
    world.book(Booking("1.00", text=reference), closing="2.00")
    world.run(3)
    assert world.get_paid("alice") == 0
    assert any("balances differ" in each for each in world.find_problems())


def test_an_opening_balance_of_nobody_holds(world: BankWorld) -> None:
    reference = world.bind("alice")
    world.book(Booking("1.00", text=reference))
    world.book(Booking("1.00", text=reference), opening="5.00")
    world.run(3)
    assert world.get_paid("alice") == 100
    assert any("opens with" in each for each in world.find_problems())


def test_what_names_nobody_is_parked_after_a_day(world: BankWorld) -> None:
    world.book(Booking("3.00", text="thank you"), Booking("4.00", is_return=True))
    world.run(3)
    assert world.get_parked() == 0
    world.close(interval_ms=UNOWNED_MS + 90_000_000)
    world.run(4)
    assert world.get_parked() == 700


def test_a_file_that_cannot_be_read_is_told_and_holds_nothing_else(world: BankWorld) -> None:
    reference = world.bind("alice")
    (world.folder / "zzz.xml").write_bytes(b"<html>down for maintenance</html>")
    world.book(Booking("1.00", text=reference))
    world.run(4)
    assert world.get_paid("alice") == 100
    assert any("zzz.xml" in each for each in world.find_problems())


def run_deliveries(world: BankWorld, count: int, seed: int) -> None:
    """Statements in any order, twice, corrected only in what does not matter; instances begin
    anew. In the end everybody has what the bank has booked, once."""
    chance = random.Random(seed)
    references = {name: world.bind(name) for name in ("alice", "bob", "carol")}
    expected = dict.fromkeys(references, 0)
    counter = itertools.count()
    waiting: list[str] = []
    delivered: list[str] = []
    for _ in range(count):
        bookings = []
        for _ in range(chance.randrange(4)):
            payer = chance.choice(sorted(references))
            cents = chance.randrange(1, 10_000)
            expected[payer] += cents
            own = f"REF{next(counter)}" if chance.randrange(2) else ""
            text = f"{cents // 100}.{cents % 100:02}"
            bookings.append(Booking(text, text=references[payer], bank_reference=own))
        waiting.append(world.book(*bookings))
        (world.folder / f"{world.files:06}.xml").unlink()
        chance.shuffle(waiting)
        for _ in range(chance.randrange(3)):
            if waiting:
                delivered.append(waiting.pop())
                world.deliver_file(delivered[-1])
        if delivered and chance.randrange(2):
            again = chance.choice(delivered)
            content = world.read_file(again).replace(b"<GrpHdr><MsgId>", b"<GrpHdr><MsgId>R")
            world.deliver_file(again, content)
        if chance.randrange(5) == 0:
            world.restart(chance.randrange(3))
        if chance.randrange(4) == 0:
            world.wait_a_window()
        world.step()
    for each in waiting:
        world.deliver_file(each)
    for _ in range(10):
        world.run(3)
        world.wait_a_window()
    assert {name: world.get_paid(name) for name in references} == expected
    assert world.find_problems() == []


def test_duplicated_and_shuffled_deliveries(world: BankWorld) -> None:
    run_deliveries(world, QUICK, 1)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(3_000)
def test_deliveries_campaign(world: BankWorld, pytestconfig: pytest.Config) -> None:
    run_deliveries(world, QUICK * pytestconfig.getoption("--faults"), 2)
