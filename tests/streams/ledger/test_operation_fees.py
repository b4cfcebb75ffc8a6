"""Operations cost what schedules say, those whose role pays, and only if they take effect."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.contract import OPERATIONS
from schemas.generated.common import Amount, Fee, FeeRange, FeeType
from schemas.generated.ledger import BalanceMovement, EffectKind
from schemas.generated.operations import (
    ManageKeyValue,
    PutFeeRange,
    PutKeyValue,
    RemoveKeyValue,
    SetFees,
    StringValue,
)
from schemas.generated.transactions import FeesDue, OperationCode, RefusalDetail
from streams.ledger.operation_fees import OPERATION_FEE_BYTES
from streams.ledger.values import GENERAL_ROLE
from tests.streams.ledger.operations.cases import put
from tests.support.network import (
    Network,
    create_asset,
    create_balance,
    get_account,
    make_economy,
    pay,
)

NUMBERS = {row.stem: row.number for row in OPERATIONS}


def set_operation_fee(network: Network, stem: str, fixed: int, asset: str = "EUR") -> None:
    put_range = PutFeeRange(FeeRange(Amount(0), Amount(0), Amount(fixed), 0))
    operation = SetFees(None, None, asset, FeeType.OPERATION, NUMBERS[stem], put_range)
    network.apply("master", operation)


def let_general_pay(network: Network, asset: str = "EUR") -> None:
    role = network.ledger.state.get_account_role(GENERAL_ROLE)
    assert role is not None
    put(network, replace(role, pays_for_operations=True))
    put_value = PutKeyValue(StringValue(asset))
    network.apply("master", ManageKeyValue("operation_fee_asset", put_value))


def make_network(fixed: int = 3) -> Network:
    """Accounts of the general role pay 3 EUR for a balance and for a payment."""
    network = make_economy()
    for stem in ("manage_balance", "payment"):
        set_operation_fee(network, stem, fixed)
    let_general_pay(network)
    network.apply("issuer", create_asset("USD"))
    return network


def get_outcome(network: Network, source: str, *bodies: Any) -> Any:
    return network.apply(source, *bodies).applied[0].result.operations[-1]


def test_an_operation_costs_its_fee() -> None:
    network = make_network()
    [applied] = network.apply("alice", create_balance("alice", "USD")).applied
    assert network.get_amount("alice", "EUR") == 999_997
    assert network.get_amount("master", "EUR") == 3
    charged, collected, _ = applied.effects
    balance_id = network.get_balance_id("alice", "EUR")
    assert charged.kind is EffectKind.CHARGED
    fee = Fee(Amount(3), Amount(0))
    assert charged.detail == BalanceMovement(balance_id, "EUR", Amount(0), fee)
    assert (collected.account_id, collected.kind) == (get_account("master"), EffectKind.FUNDED)


def test_a_payment_costs_it_besides() -> None:
    network = make_network()
    network.apply("alice", pay(network, "alice", "bob", "EUR", 10))
    assert network.get_amount("alice", "EUR") == 1_000_000 - 13


def test_other_operations_and_other_roles_are_free() -> None:
    network = make_network()
    network.apply("issuer", create_balance("issuer", "USD"))
    network.apply("master", create_balance("master", "USD"))
    assert network.get_amount("master", "EUR") == 0


def test_a_transaction_that_fails_costs_nothing() -> None:
    network = make_network()
    closed = network.apply("alice", create_balance("alice", "EUR"))
    assert closed.applied[0].result.code.name == "FAILED"
    assert network.get_amount("alice", "EUR") == 1_000_000


@pytest.mark.parametrize("fixed", [1_000_001, 1 << 127])
def test_who_cannot_pay_is_refused(fixed: int) -> None:
    network = make_network(fixed)
    result = get_outcome(network, "alice", create_balance("alice", "USD"))
    assert result.outcome is OperationCode.OPERATION_FEE_NOT_COVERED
    due = FeesDue("EUR", Fee(Amount(fixed), Amount(0)), Fee(Amount(0), Amount(0)))
    assert result.detail == RefusalDetail(due)


def test_who_has_no_balance_is_refused() -> None:
    network = make_economy()
    network.apply("issuer", create_asset("USD"))
    set_operation_fee(network, "payment", 1, "USD")
    let_general_pay(network, "USD")
    result = get_outcome(network, "alice", pay(network, "alice", "bob", "EUR", 10))
    assert result.outcome is OperationCode.OPERATION_FEE_NOT_COVERED


def test_the_asset_holds_from_the_next_ledger_on() -> None:
    network = make_network()
    remove = network.prepare("master", ManageKeyValue("operation_fee_asset", RemoveKeyValue()))
    paid = network.prepare("alice", pay(network, "alice", "bob", "EUR", 10))
    network.close(remove, paid)
    assert network.get_amount("alice", "EUR") == 1_000_000 - 13
    network.apply("alice", pay(network, "alice", "bob", "EUR", 10))
    assert network.get_amount("alice", "EUR") == 1_000_000 - 23


def test_a_set_has_room_for_the_fees() -> None:
    network = make_network()
    candidate = network.prepare("alice", pay(network, "alice", "bob", "EUR", 10))
    free = candidate.output_bytes
    assert network.is_member(candidate)
    assert candidate.output_bytes == free + OPERATION_FEE_BYTES
    network.apply("master", ManageKeyValue("operation_fee_asset", RemoveKeyValue()))
    assert network.is_member(candidate)
    assert candidate.output_bytes == free
