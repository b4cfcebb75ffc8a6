"""No transaction adds more to a ledger's body than was declared of it: sets are cut by that."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.contract import OPERATIONS
from schemas.generated.common import AccountID, Amount, FeeRange, FeeType
from schemas.generated.entries import FeeSchedule, KeyValue
from schemas.generated.operations import StringValue
from streams.ledger.values import GENERAL_ROLE
from tests.streams.ledger import wide_border
from tests.streams.ledger.operations.cases import put
from tests.streams.ledger.wide_operations import (
    LONGEST,
    make_limits_request,
    make_payment,
    make_payment_with_fees,
    make_wide_economy,
    make_withdrawal,
)
from tests.streams.ledger.wide_operations import MAKERS as OTHER_MAKERS
from tests.support.network import Network, get_account

MAKERS = (*OTHER_MAKERS, *wide_border.MAKERS)
SIGNERS = ("master", "issuer", "alice", "poor")
wanted = st.lists(
    st.tuples(st.sampled_from(MAKERS), st.integers(0, 99_999)), min_size=1, max_size=6
)


def charge_operations(network: Network) -> None:
    """Every operation of accounts of the general role has a fee."""
    role = network.ledger.state.get_account_role(GENERAL_ROLE)
    assert role is not None
    put(network, replace(role, pays_for_operations=True))
    put(network, KeyValue("operation_fee_asset", StringValue(LONGEST)))
    fee = FeeRange(Amount(0), Amount(0), Amount(1 << 64), 0)
    for row in OPERATIONS:
        put(network, FeeSchedule(None, None, LONGEST, FeeType.OPERATION, row.number, (fee,)))


def check(chosen: list[tuple[Any, int]], prepare: Callable[[Network], object] | None = None) -> str:
    """Closes one ledger with one transaction of these; its result's code."""
    network = make_wide_economy()
    wide_border.widen_border(network)
    if prepare is not None:
        prepare(network)
    bodies = [make(network, number) for make, number in chosen]
    sources = {AccountID(each.source) if each.source else None for each in bodies}
    signers = [n for n in SIGNERS if n == "master" or get_account(n) in sources]
    transaction = network.build("master", *bodies, memo="m" * 64)
    candidate = network.admit(network.sign(transaction, *signers))
    closed = network.close(candidate)
    assert closed.applied[0].defect is None
    assert len(closed.body) <= candidate.output_bytes
    return closed.applied[0].result.code.name


def test_each_operation_alone_stays_within_what_it_declares() -> None:
    for make in MAKERS:
        for number in range(6):
            assert check([(make, number)]) == "SUCCESS", make.__name__


def test_fees_of_operations_stay_within_it_too() -> None:
    for make in (make_payment, make_payment_with_fees, make_withdrawal, make_limits_request):
        assert check([(make, 2), (make, 3)], charge_operations) == "SUCCESS", make.__name__


@settings(max_examples=40, deadline=None)
@given(wanted)
def test_several_in_one_transaction_do_too(chosen: list[tuple[Any, int]]) -> None:
    check(chosen)
