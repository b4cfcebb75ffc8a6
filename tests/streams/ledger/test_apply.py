"""One transaction: all of its operations or none; a defect of ours fails that one alone."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.operations import PaymentCode
from schemas.generated.transactions import OperationCode, TransactionCode
from streams.ledger.errors import InvariantViolation
from streams.ledger.operations.table import OPERATIONS
from tests.support.network import Network, create_account, get_account, make_economy, pay


def get_outcomes(network: Network, source: str, *bodies: Any) -> tuple[TransactionCode, list[Any]]:
    closed = network.apply(source, *bodies)
    result = closed.applied[0].result
    return result.code, [each.outcome for each in result.operations]


def break_payments(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Payments of 13 meet a defect, after they have moved the money."""
    kind = next(k for body, k in OPERATIONS.items() if body.__name__ == "Payment")
    body = next(b for b in OPERATIONS if b.__name__ == "Payment")

    def apply(op: Any, source: Any, delta: Any, context: Any) -> Any:
        result = kind.apply(op, source, delta, context)
        if op.amount == 13:
            raise error
        return result

    monkeypatch.setitem(OPERATIONS, body, kind._replace(apply=apply))


def test_a_refusal_takes_back_what_came_before_and_skips_what_comes_after() -> None:
    network = make_economy()
    before = dict(network.ledger.state.encoded)
    code, outcomes = get_outcomes(
        network,
        "alice",
        pay(network, "alice", "bob", "EUR", 1),
        pay(network, "alice", "bob", "EUR", 2, "reference"),
        pay(network, "alice", "bob", "EUR", 10**9),
        pay(network, "alice", "bob", "EUR", 3),
    )
    assert code is TransactionCode.FAILED
    assert outcomes == [
        OperationCode.ROLLED_BACK,
        OperationCode.ROLLED_BACK,
        PaymentCode.UNDERFUNDED,
        OperationCode.SKIPPED,
    ]
    assert network.ledger.state.encoded == before


def test_operations_see_what_those_before_them_did() -> None:
    network = make_economy()
    code, _ = get_outcomes(
        network,
        "alice",
        pay(network, "alice", "bob", "EUR", 1_000_000),
        replace(
            network.build("bob", pay(network, "bob", "alice", "EUR", 1)).operations[0],
            source=None,
            body=pay(network, "alice", "bob", "EUR", 1),
        ),
    )
    assert code is TransactionCode.FAILED
    code, _ = get_outcomes(network, "alice", pay(network, "alice", "bob", "EUR", 1_000_000))
    assert code is TransactionCode.SUCCESS
    assert network.get_amount("bob", "EUR") == 2_000_000


def test_the_role_of_the_source_must_allow_the_operation() -> None:
    network = make_economy()
    code, outcomes = get_outcomes(network, "alice", create_account("carol"))
    assert code is TransactionCode.FAILED
    assert outcomes == [OperationCode.NO_ROLE_PERMISSION]
    assert network.ledger.state.get_account(get_account("carol")) is None


def test_a_defect_fails_its_transaction_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_economy()
    break_payments(monkeypatch, ZeroDivisionError("ours"))
    closed = network.close(
        network.prepare("alice", pay(network, "alice", "bob", "EUR", 13, "first")),
        network.prepare("bob", pay(network, "bob", "alice", "EUR", 5)),
    )
    codes = {each.candidate.transaction.source_account: each.result for each in closed.applied}
    broken = codes[get_account("alice")]
    assert (broken.code, broken.operations) == (TransactionCode.INTERNAL_ERROR, ())
    assert codes[get_account("bob")].code is TransactionCode.SUCCESS
    assert [type(each.defect) for each in closed.applied if each.defect] == [ZeroDivisionError]
    assert network.get_amount("bob", "EUR") == 1_000_000 - 5


@pytest.mark.parametrize("error", [InvariantViolation("ours"), MemoryError(), RecursionError()])
def test_what_is_wrong_with_the_whole_node_stops_it(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    network = make_economy()
    break_payments(monkeypatch, error)
    with pytest.raises(type(error)):
        network.apply("alice", pay(network, "alice", "bob", "EUR", 13))
