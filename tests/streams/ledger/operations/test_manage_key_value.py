"""ManageKeyValue, case by case."""

import pytest

from schemas.generated.common import U64
from schemas.generated.operations import (
    ManageKeyValue,
    ManageKeyValueCode,
    PutKeyValue,
    RemoveKeyValue,
    StringValue,
    U32Value,
    U64Value,
    U128Value,
)
from schemas.generated.transactions import OperationResult
from schemas.strkey import encode_balance_id
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network

Value = U32Value | U64Value | StringValue | U128Value


def put_value(key: str, value: Value) -> ManageKeyValue:
    return ManageKeyValue(key, PutKeyValue(value))


def get_balance_text(network: Network, name: str, asset: str) -> StringValue:
    return StringValue(encode_balance_id(network.get_balance_id(name, asset)))


def check_colour(network: Network, _: OperationResult) -> None:
    entry = network.ledger.state.get_key_value("custom:colour")
    assert entry is not None
    assert entry.value == StringValue("blue")


def check_gone(network: Network, _: OperationResult) -> None:
    assert network.ledger.state.get_key_value("asset_create_tasks") is None


CASES = (
    Case(
        "a new key",
        "master",
        lambda _: put_value("custom:colour", StringValue("blue")),
        changes=("KeyValue made",),
        check=check_colour,
    ),
    Case(
        "a longest key",
        "master",
        lambda _: put_value("k" * 256, StringValue("v" * 256)),
        changes=("KeyValue made",),
    ),
    Case(
        "another value, and another type, of a free key",
        "master",
        lambda _: put_value("custom:colour", StringValue("blue")),
        given=lambda n: n.apply("master", put_value("custom:colour", U32Value(3))),
        changes=("KeyValue changed",),
        check=check_colour,
    ),
    Case(
        "another value of a reserved key",
        "master",
        lambda _: put_value("issuance_tasks:*", U32Value(8)),
        changes=("KeyValue changed",),
    ),
    Case(
        "where the fees of an asset go",
        "master",
        lambda n: put_value("fee_collection_balance:EUR", get_balance_text(n, "alice", "EUR")),
        changes=("KeyValue made",),
    ),
    Case(
        "in what operations are paid for",
        "master",
        lambda _: put_value("operation_fee_asset", StringValue("EUR")),
        changes=("KeyValue made",),
    ),
    Case(
        "operations paid for in no asset",
        "master",
        lambda _: put_value("operation_fee_asset", StringValue("USD")),
        ManageKeyValueCode.ASSET_NOT_FOUND,
    ),
    Case(
        "fees to no balance",
        "master",
        lambda n: put_value("fee_collection_balance:EUR", get_balance_text(n, "alice", "USD")),
        ManageKeyValueCode.BALANCE_NOT_FOUND,
    ),
    Case(
        "fees to a balance of another asset",
        "master",
        lambda n: put_value("fee_collection_balance:USD", get_balance_text(n, "alice", "EUR")),
        ManageKeyValueCode.BALANCE_NOT_FOUND,
    ),
    Case(
        "fees to what names no balance",
        "master",
        lambda _: put_value("fee_collection_balance:EUR", StringValue("alice")),
        ManageKeyValueCode.BALANCE_NOT_FOUND,
    ),
    Case(
        "removed",
        "master",
        lambda _: ManageKeyValue("asset_create_tasks", RemoveKeyValue()),
        changes=("KeyValue removed",),
        check=check_gone,
    ),
    Case(
        "an empty key",
        "master",
        lambda _: put_value("", U32Value(1)),
        ManageKeyValueCode.INVALID_KEY,
    ),
    Case(
        "a key with a space",
        "master",
        lambda _: put_value("a b", U32Value(1)),
        ManageKeyValueCode.INVALID_KEY,
    ),
    Case(
        "a key outside of ASCII",
        "master",
        lambda _: put_value("clé", U32Value(1)),
        ManageKeyValueCode.INVALID_KEY,
    ),
    Case(
        "a reserved key of another type",
        "master",
        lambda _: put_value("issuance_tasks:EUR", U64Value(U64(1))),
        ManageKeyValueCode.INVALID_TYPE,
    ),
    Case(
        "the least withdrawal, of 128 bits",
        "master",
        lambda _: put_value("withdraw_lower_bound:EUR", U128Value((1 << 128) - 1)),
        changes=("KeyValue made",),
    ),
    Case(
        "requests for limits without tasks",
        "master",
        lambda _: put_value("limits_update_tasks", U32Value(0)),
        ManageKeyValueCode.ZERO_VALUE_NOT_ALLOWED,
    ),
    Case(
        "withdrawals without tasks",
        "master",
        lambda _: put_value("withdrawal_tasks:EUR", U32Value(0)),
        ManageKeyValueCode.ZERO_VALUE_NOT_ALLOWED,
    ),
    Case(
        "removed where there is none",
        "master",
        lambda _: ManageKeyValue("custom:colour", RemoveKeyValue()),
        ManageKeyValueCode.NOT_FOUND,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_key_value(case: Case) -> None:
    run_case(case)
