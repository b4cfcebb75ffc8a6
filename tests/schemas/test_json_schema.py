"""The JSON Schemas accept what is shown and refuse what is not read."""

from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.json_schema import make_json_schema
from schemas.readable import show_value
from tests.schemas.test_readable import ANY, PAYMENT
from tests.schemas.values import get_values

NAMES = ("transactions.Transaction", "transactions.TransactionResult", "ledger.LedgerEntry")


def make_validator(full_name: str) -> jsonschema_rs.Draft202012Validator:
    schema = make_json_schema(full_name)
    jsonschema_rs.meta.validate(schema)
    name = full_name.partition(".")[2]
    return jsonschema_rs.Draft202012Validator({**schema, "$ref": f"#/$defs/{name}"})


VALIDATORS = {name: make_validator(name) for name in (*NAMES, "operations.Payment")}


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_shown_is_valid(name: str, data: st.DataObject) -> None:
    shown = show_value(data.draw(get_values(name)), ANY, 6)
    VALIDATORS[name].validate(msgspec.json.decode(msgspec.json.encode(shown)))


def test_numbers_are_as_long_as_their_type_allows() -> None:
    """Before, prices had to be below 10^20."""
    price = make_validator("common.Price")
    assert price.is_valid({"numerator": str((1 << 128) - 1), "denominator": "1"})
    assert not price.is_valid({"numerator": "9" * 40, "denominator": "1"})


def test_a_payment_may_leave_out_what_has_a_default() -> None:
    assert VALIDATORS["operations.Payment"].is_valid(PAYMENT)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "1e5"},
        {"amont": "1"},
        {"source_balance": "GABC"},
        {"destination": {"type": "payment_to_account"}},
        {"reference": {"day": -1, "text": "r"}},
        {"subject": 7},
    ],
    ids=str,
)
def test_what_cannot_be_read_is_not_valid(changes: dict[str, Any]) -> None:
    assert not VALIDATORS["operations.Payment"].is_valid({**PAYMENT, **changes})
