"""Withdrawals by a bank's payment files: one file a request, laid once whatever breaks, settled by
evidence or people alone; what comes back is credited once."""

from importlib.resources import files
from pathlib import Path

import pytest
from lxml import etree  # type: ignore[import-untyped]

from infra.sandbox.bank import Booking
from infra.sandbox.payouts import PayoutMode
from processors.psim.banks.pain import KIND
from processors.psim.banks.payouts import UPLOAD_MS, decode_order
from schemas.generated.common import BankAccount, Hash, PayoutAccount, TransferOutcome
from schemas.generated.entries import TransferState
from schemas.generated.operations import SettledOutcome, SettleExternalTransfer
from tests.processors.psim.banks.payout_world import (
    ASSET,
    PayoutWorld,
    run_withdrawals,
)
from tests.processors.psim.file_ledger import FUNDS, PAYEE
from tests.processors.psim.money.ledger import SOURCE
from tests.processors.psim.world import SUSPENSE

COUNT = 3
DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
def world(tmp_path: Path) -> PayoutWorld:
    made = PayoutWorld(tmp_path)
    made.begin()
    return made


def read_files(world: PayoutWorld) -> list[bytes]:
    query = "select content from payouts order by rowid"
    return [bytes(content) for (content,) in world.payouts._book.execute(query)]


def test_a_withdrawal_is_one_file_and_settled_by_the_statement(world: PayoutWorld) -> None:
    world.do(mode=PayoutMode.KEEP)
    request = world.withdraw(12_345)
    world.run(20)
    (payout,) = world.do()
    assert payout == {
        "reference": world.find_reference(request),
        "amount": "123.45",
        "iban": PAYEE.iban,
        "holder": PAYEE.holder,
        "paid": 0,
        "rejected": 0,
    }
    (transfer,) = world.get_transfers()
    assert transfer.submitted_at_ms is not None
    assert transfer.state is TransferState.UNKNOWN
    world.do(pay=[payout["reference"]])
    world.run(6)
    (transfer,) = world.get_transfers()
    assert transfer.outcome is TransferOutcome.PAID
    assert world.get_amount() == FUNDS - 12_345
    assert not world.machines[0].view.withdrawals


def test_files_are_valid_and_nobody_is_named_on_the_ledger(world: PayoutWorld) -> None:
    world.withdraw(1)
    world.run(20)
    (content,) = read_files(world)
    schema = etree.XMLSchema(etree.fromstring(read_schema()))
    schema.assertValid(etree.fromstring(content))
    assert all(len(hashes) == 1 for hashes in world.files.values())
    for closed in world.network.closed:
        assert PAYEE.iban.encode() not in closed.body
        assert PAYEE.holder.encode() not in closed.body


def read_schema() -> bytes:
    return (files("sepaxml") / "schemas" / f"{KIND}.xsd").read_bytes()


def test_a_rejection_gives_back_and_no_second_file_is_made(world: PayoutWorld) -> None:
    world.do(mode=PayoutMode.REJECT)
    world.withdraw(1_000)
    world.run(30)
    assert world.get_amount() == FUNDS
    assert not world.machines[0].view.withdrawals
    assert world.get_transfers() == []
    assert len(world.do()) == 1
    assert list(world.get_paid().elements()) == []


def test_what_the_bank_never_says_is_settled_by_people(world: PayoutWorld) -> None:
    world.do(mode=PayoutMode.KEEP)
    world.withdraw(1_000)
    world.withdraw(2_000)
    world.run(30)
    one, other = world.get_transfers()
    for transfer, outcome in ((one, TransferOutcome.PAID), (other, TransferOutcome.INEFFECTIVE)):
        result = SettledOutcome(outcome, Hash(b"\x01" * 32))
        world.close((SOURCE, SettleExternalTransfer(transfer.transfer_id, result, None)))
    world.run(10)
    assert world.get_amount() == FUNDS - 1_000
    assert not world.machines[0].view.withdrawals
    assert len(world.do()) == 2


def test_a_file_is_not_laid_late(world: PayoutWorld) -> None:
    world.is_away = True
    world.withdraw(1_000)
    world.run(20)
    (transfer,) = world.get_transfers()
    assert transfer.submitted_at_ms is not None
    world.close(interval_ms=UPLOAD_MS)
    world.is_away = False
    world.run(10)
    assert world.do() == []
    assert any(f"transfer {transfer.transfer_id}" in each for each in world.get_problems())


def test_a_broken_answer_changes_nothing(world: PayoutWorld) -> None:
    world.do(mode=PayoutMode.BROKEN)
    request = world.withdraw(1_000)
    world.run(20)
    assert world.get_paid() == {world.find_reference(request): 1}
    assert world.get_amount() == FUNDS - 1_000


def test_a_payout_that_comes_back_is_credited_once(world: PayoutWorld) -> None:
    request = world.withdraw(1_000)
    world.run(20)
    reference = world.find_reference(request)
    world.do(give_back=[reference])
    world.run(8)
    assert world.get_amount() == FUNDS
    world.do(give_back=[reference])
    world.run(8)
    assert world.get_amount() == FUNDS
    world.close(interval_ms=DAY_MS)
    world.run(8)
    supply = world.network.ledger.state.get_asset_supply(ASSET)
    assert supply is not None
    assert supply.pending_issuance == FUNDS + 1_000  # what was there before, and the second return
    assert world.network.get_amount(SUSPENSE, ASSET) == 0


def test_more_than_was_paid_does_not_come_back(world: PayoutWorld) -> None:
    request = world.withdraw(1_000)
    world.run(20)
    back = Booking("10.01", end_to_end_id=world.find_reference(request), is_return=True)
    world.book(back)
    world.run(8)
    assert world.get_amount() == FUNDS - 1_000


@pytest.mark.parametrize("amount", ["-9.99", "-10.01"])
def test_another_debit_is_no_evidence(world: PayoutWorld, amount: str) -> None:
    world.do(mode=PayoutMode.KEEP)
    request = world.withdraw(1_000)
    world.run(20)
    world.book(Booking(amount, end_to_end_id=world.find_reference(request)))
    world.run(8)
    (transfer,) = world.get_transfers()
    assert transfer.outcome is None
    assert any(f"transfer {transfer.transfer_id}" in each for each in world.get_problems())


def test_contradictions_are_for_people(world: PayoutWorld) -> None:
    world.do(mode=PayoutMode.KEEP)
    requests = [world.withdraw(1_000), world.withdraw(2_000)]
    world.run(30)
    one, other = map(world.find_reference, requests)
    debit = Booking("-10.00", end_to_end_id=one)
    world.book(debit, debit)
    world.do(pay=[other], reject=[other])
    world.run(8)
    assert [each.outcome for each in world.get_transfers()] == [None, None]


def test_destinations_that_are_none(world: PayoutWorld) -> None:
    world.withdraw(1_000, BankAccount(PAYEE.iban, ""))
    world.run(8)
    assert world.get_amount() == FUNDS
    world.withdraw(1_000, PayoutAccount(Hash(b"\x09" * 32)))
    world.run(8)
    assert world.get_transfers() == []
    assert len(world.machines[0].view.withdrawals) == 1
    assert any("have no payee" in each for each in world.get_problems())


def test_an_order_that_is_none_is_not_signed(world: PayoutWorld) -> None:
    world.do(mode=PayoutMode.KEEP)
    world.withdraw(1_000)
    world.run(20)
    (transfer,) = world.get_transfers()
    payload = world.network.ledger.state.get_transfer_payload(transfer.transfer_id, 1)
    assert payload is not None
    desk = world.machines[0].services[0][0].desks[0]  # type: ignore[attr-defined]
    keyset = world.network.ledger.state.get_keyset("bank:giro", transfer.wallet, 1)
    view = world.machines[0].view
    assert desk.review(view, transfer, payload.payload, keyset) is None
    for old, new in ((b"amount 1000", b"amount 1001"), (b"account G", b"account X")):
        changed = payload.payload.replace(old, new)
        assert desk.review(view, transfer, changed, keyset) == "NOT_THE_REQUEST"
    late = payload.payload.replace(b"at_ms 1", b"at_ms 2")
    assert desk.review(view, transfer, late, keyset) == "WRONG_TIME"
    with pytest.raises(ValueError, match="no bank's payout"):
        decode_order(payload.payload + b"\n")


def check(world: PayoutWorld) -> None:
    """Each was paid at most once, from one file; nothing is settled without evidence."""
    paid = world.get_paid()
    assert all(count <= 1 for count in paid.values())
    assert all(len(hashes) == 1 for hashes in world.files.values())
    rejected = {each["reference"] for each in world.do() if each["rejected"]}
    view = world.machines[0].view
    unknown = {
        int(number)
        for each in view.transfers.values()
        if each.state is not TransferState.SETTLED
        for number in each.requests
    }
    waiting = set(view.withdrawals)
    for request in world.amounts.keys() - unknown - waiting:
        reference = world.find_reference(request)
        assert paid[reference] or reference in rejected, f"{request} is settled without evidence"
    gone = sum(
        amount
        for request, amount in world.amounts.items()
        if request in unknown | waiting or paid[world.find_reference(request)]
    )
    returned = sum(
        amount
        for request, amount in world.amounts.items()
        if world.find_reference(request) in world.returned
    )
    assert world.get_amount() == FUNDS - gone + returned


def test_withdrawals_with_crashes_silence_rejections_and_returns(world: PayoutWorld) -> None:
    run_withdrawals(world, COUNT)
    check(world)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(3_000)
def test_withdrawals_campaign(world: PayoutWorld, pytestconfig: pytest.Config) -> None:
    run_withdrawals(world, 20 * pytestconfig.getoption("--faults"))
    check(world)
