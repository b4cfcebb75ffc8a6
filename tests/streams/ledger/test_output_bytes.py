"""No transaction adds more to a ledger's body than was declared of it: sets are cut by that."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.generated.common import AccountID
from tests.streams.ledger.wide_operations import MAKERS, make_wide_economy
from tests.support.network import get_account

SIGNERS = ("master", "issuer", "alice", "poor")
wanted = st.lists(
    st.tuples(st.sampled_from(MAKERS), st.integers(0, 99_999)), min_size=1, max_size=6
)


def check(chosen: list[tuple[Any, int]]) -> str:
    """Closes one ledger with one transaction of these; its result's code."""
    network = make_wide_economy()
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


@settings(max_examples=40, deadline=None)
@given(wanted)
def test_several_in_one_transaction_do_too(chosen: list[tuple[Any, int]]) -> None:
    check(chosen)
