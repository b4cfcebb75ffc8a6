"""What a bank or gateway takes back is burned once of whoever was credited, or people are told."""

from pathlib import Path

import pytest

from infra.sandbox.bank import Booking
from processors.psim.banks.clawbacks import find_original, match_reversals
from processors.psim.banks.statements import Item
from schemas.generated.common import Hash
from tests.processors.psim.banks.world import ASSET, BankWorld


@pytest.fixture
def world(tmp_path: Path) -> BankWorld:
    inbox, book = tmp_path / "inbox", tmp_path / "book"
    inbox.mkdir()
    book.mkdir()
    made = BankWorld(inbox, book)
    made.begin()
    return made


def reverse(amount: str, reference: str, bank_reference: str) -> Booking:
    return Booking(f"-{amount}", reference, bank_reference, is_reversal=True)


def test_a_reversal_is_burned_once(world: BankWorld) -> None:
    reference = world.bind("alice")
    world.book(Booking("10.00", text=reference, bank_reference="A1"))
    world.book(Booking("10.00", text=reference, bank_reference="A2"))
    world.run(6)
    assert world.get_paid("alice") == 2_000
    name = world.book(reverse("10.00", reference, "R1"))
    world.deliver_file(name)
    world.run(8)
    assert world.get_paid("alice") == 1_000
    supply = world.network.ledger.state.get_asset_supply(ASSET)
    assert supply is not None
    assert supply.issued == 1_000
    world.machines[0].start()
    world.machines[1].start()
    world.run(8)
    assert world.get_paid("alice") == 1_000
    assert world.find_problems() == []


def test_what_was_not_credited_is_credited_first(world: BankWorld) -> None:
    reference = world.bind("alice")
    world.book(
        Booking("10.00", text=reference, bank_reference="A1"),
        reverse("10.00", reference, "R1"),
    )
    world.run(8)
    assert world.get_paid("alice") == 0
    assert world.find_problems() == []


def test_what_was_spent_is_told(world: BankWorld) -> None:
    reference = world.bind("alice")
    world.book(Booking("10.00", text=reference, bank_reference="A1"))
    world.book(Booking("1.00", text=world.bind("bob"), bank_reference="B1"))
    world.run(8)
    world.pay("alice", "bob", 600)
    world.book(reverse("10.00", reference, "R1"))
    world.run(8)
    assert world.get_paid("alice") == 400
    assert any("UNDERFUNDED" in each for each in world.find_problems())
    world.pay("bob", "alice", 600)
    world.wait_a_window(2)
    world.run(8)
    assert world.get_paid("alice") == 0
    assert world.find_problems() == []


def test_what_nobody_can_match_is_told(world: BankWorld) -> None:
    reference = world.bind("alice")
    world.book(Booking("10.00", text=reference, bank_reference="A1"))
    world.run(6)
    world.book(reverse("9.00", reference, "R1"))
    world.run(6)
    assert world.get_paid("alice") == 1_000
    assert any("claw back" in each for each in world.find_problems())


def make_item(number: int, amount: int = 100, *, is_credit: bool = True, **more: str) -> Item:
    return Item(
        key=Hash(bytes([number]) * 32),
        ordinal=0,
        is_credit=is_credit,
        amount=amount,
        booked_ms=0,
        reference=more.get("reference", ""),
        end_to_end_id=more.get("end_to_end_id", ""),
        is_reversal=not is_credit,
    )


def test_a_reversal_is_matched_by_the_payer_s_own_name_before_the_reference() -> None:
    one = make_item(1, reference="R", end_to_end_id="E1")
    two = make_item(2, reference="R", end_to_end_id="E2")
    taken = make_item(3, is_credit=False, reference="R", end_to_end_id="E1")
    assert find_original(taken, [one, two]) == one
    assert find_original(make_item(3, is_credit=False, reference="R"), [one, two]) == two
    assert find_original(make_item(3, 99, is_credit=False, reference="R"), [one, two]) is None
    assert find_original(make_item(3, is_credit=False), [one, two]) is None
    assert find_original(make_item(3, is_credit=False, end_to_end_id="E9"), [one, two]) is None


def test_a_credit_is_undone_once() -> None:
    one = make_item(1, reference="R")
    taken = [make_item(each, is_credit=False, reference="R") for each in (2, 3)]
    found = match_reversals([(1, one), (2, taken[0]), (2, taken[1])])
    assert found == [(taken[0], (1, one)), (taken[1], None)]
    before = match_reversals([(1, taken[0]), (2, one)])
    assert before == [(taken[0], None)]
