"""What fees come to: precedence, rounding, ranges, exemptions, where they go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.generated.common import U64, Amount, Fee, FeeRange, FeeType
from schemas.generated.entries import FeeSchedule
from schemas.generated.keys import Entry, get_key
from schemas.generated.ledger import EffectKind
from schemas.generated.operations import ManageKeyValue, PaymentResult, PutKeyValue, StringValue
from schemas.strkey import encode_balance_id
from streams.ledger import fees
from streams.ledger.state import LedgerDelta
from streams.ledger.values import AMOUNT_MAX, GENERAL_ROLE
from tests.support.network import (
    Network,
    accept_fees,
    get_account,
    make_economy,
    pay,
    set_fee,
)

ALICE = get_account("alice")
KINDS = (
    (fees.PAYMENT_OUTGOING, FeeType.PAYMENT, 1),
    (fees.PAYMENT_INCOMING, FeeType.PAYMENT, 2),
    (fees.WITHDRAWAL, FeeType.WITHDRAWAL, 0),
    (fees.ISSUANCE, FeeType.ISSUANCE, 0),
)


def make_schedule(
    fixed: int,
    percent: int = 0,
    *,
    account: bool = False,
    role: bool = False,
    bounds: tuple[int, int] = (0, AMOUNT_MAX),
    kind: tuple[FeeType, int] = (FeeType.PAYMENT, 1),
) -> FeeSchedule:
    lower, upper = (Amount(each) for each in bounds)
    return FeeSchedule(
        ALICE if account else None,
        U64(GENERAL_ROLE) if role else None,
        "EUR",
        *kind,
        (FeeRange(lower, upper, Amount(fixed), percent),),
    )


def compute(
    *schedules: Entry, amount: int = 1_000, kind: fees.FeeKind = fees.PAYMENT_OUTGOING
) -> Fee | None:
    delta = LedgerDelta(make_economy().ledger.state)
    for each in schedules:
        delta.put(each)
    return fees.compute_fee(delta, ALICE, kind, "EUR", amount)


@pytest.mark.parametrize(("kind", "fee_type", "subtype"), KINDS)
def test_schedules_are_looked_up_by_their_keys(
    kind: fees.FeeKind, fee_type: FeeType, subtype: int
) -> None:
    for account, role in ((True, False), (False, True), (False, False)):
        schedule = make_schedule(9, account=account, role=role, kind=(fee_type, subtype))
        assert compute(schedule, kind=kind) == Fee(Amount(9), Amount(0))
        assert get_key(schedule)


def test_the_accounts_schedule_goes_before_the_roles_and_that_before_the_global_one() -> None:
    everyone, role = make_schedule(1), make_schedule(2, role=True)
    account = make_schedule(3, account=True)
    assert compute() is None
    assert compute(everyone) == Fee(Amount(1), Amount(0))
    assert compute(everyone, role) == Fee(Amount(2), Amount(0))
    assert compute(everyone, role, account) == Fee(Amount(3), Amount(0))


def test_a_schedule_without_a_range_for_the_amount_leaves_it_to_the_next() -> None:
    everyone = make_schedule(1)
    account = make_schedule(3, account=True, bounds=(10, 20))
    found = {amount: compute(everyone, account, amount=amount) for amount in (9, 10, 20, 21)}
    assert {amount: fee and fee.fixed for amount, fee in found.items()} == {
        9: 1,
        10: 3,
        20: 3,
        21: 1,
    }


@given(st.integers(0, AMOUNT_MAX), st.integers(0, fees.PERCENT_WHOLE))
def test_percentages_round_up_to_the_smallest_unit(amount: int, percent: int) -> None:
    fee = compute_cached(percent, amount)
    found = 0 if fee is None else fee.percent
    assert amount * percent <= found * fees.PERCENT_WHOLE < amount * percent + fees.PERCENT_WHOLE


STATE = make_economy().ledger.state


def compute_cached(percent: int, amount: int) -> Fee | None:
    delta = LedgerDelta(STATE)
    delta.put(make_schedule(0, percent))
    found = fees.compute_fee(delta, ALICE, fees.PAYMENT_OUTGOING, "EUR", amount)
    delta.roll_back()
    return found


def test_fees_go_to_the_balance_that_the_key_value_names() -> None:
    network = make_economy(("alice", "bob", "carol"))
    text = StringValue(encode_balance_id(network.get_balance_id("carol", "EUR")))
    network.apply("master", ManageKeyValue("fee_collection_balance:EUR", PutKeyValue(text)))
    network.apply("master", set_fee("EUR", 1, 5))
    paid = replace(pay(network, "alice", "bob", "EUR", 10), fee_data=accept_fees(5, 0))
    [applied] = network.apply("alice", paid).applied
    assert network.get_amount("carol", "EUR") == 1_000_005
    assert network.get_amount("master", "EUR") == 0
    assert [each.kind for each in applied.effects] == [
        EffectKind.CHARGED,
        EffectKind.FUNDED,
        EffectKind.FUNDED,
    ]


def test_fees_come_back_to_the_payer_whose_balance_collects_them() -> None:
    network = make_economy()
    text = StringValue(encode_balance_id(network.get_balance_id("alice", "EUR")))
    network.apply("master", ManageKeyValue("fee_collection_balance:EUR", PutKeyValue(text)))
    network.apply("master", set_fee("EUR", 1, 5), set_fee("EUR", 2, 3))
    paid = replace(pay(network, "alice", "bob", "EUR", 10), fee_data=accept_fees(5, 3))
    network.apply("alice", paid)
    assert network.get_amount("alice", "EUR") == 1_000_000 - 10 + 3
    assert network.get_amount("bob", "EUR") == 1_000_000 + 10 - 3


def test_receivers_of_the_master_accounts_payments_pay_no_fee() -> None:
    network: Network = make_economy(("master", "bob"))
    network.apply("master", set_fee("EUR", 2, 3))
    network.apply("master", pay(network, "master", "bob", "EUR", 10))
    assert network.get_amount("bob", "EUR") == 1_000_010


def test_the_master_account_pays_the_outgoing_fee() -> None:
    network = make_economy(("master", "bob"))
    network.apply("master", set_fee("EUR", 1, 3))
    body = replace(pay(network, "master", "bob", "EUR", 10), fee_data=accept_fees(3, 0))
    [applied] = network.apply("master", body).applied
    [result] = applied.result.operations
    assert isinstance(result.outcome, PaymentResult)
    assert result.outcome.source_sent == 13
    assert network.get_amount("master", "EUR") == 1_000_000 - 10
