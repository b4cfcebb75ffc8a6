"""Readable JSON: every value comes back from what is shown of it, and nothing else is read."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode
from schemas.generated.common import Amount
from schemas.generated.ledger import LedgerBody
from schemas.generated.operations import CreateAsset, ManageAsset, Payment, UpdateMaxIssuance
from schemas.generated.transactions import Operation, OperationResult, Transaction
from schemas.readable import (
    Scales,
    Unreadable,
    find_assets,
    find_balances,
    read_value,
    show_json_text,
    show_value,
)
from schemas.strkey import encode_account_id, encode_balance_id
from tests.schemas.values import get_values
from tests.support.network import (
    create_account,
    create_asset,
    get_account,
    make_economy,
    make_reference,
    pay,
)
from tests.support.requests import govern, put_policy

ROUND_TRIPS = (
    "transactions.Transaction",
    "transactions.TransactionResult",
    "ledger.LedgerEntry",
    "ledger.LedgerKey",
    "ledger.LedgerHeader",
    "ledger.ParticipantEffect",
)


class AnyScale(dict[Any, Any]):
    """Knows every asset and every balance."""

    def get(self, key: Any, default: Any = None) -> Any:
        del default
        return "EUR" if isinstance(key, bytes) else 6


ANY = Scales(AnyScale(), AnyScale())


def as_json(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize("name", ROUND_TRIPS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_shown_is_read_back(name: str, data: st.DataObject) -> None:
    value = data.draw(get_values(name))
    shown = as_json(show_value(value, ANY, 6))
    assert read_value(type(value), shown, ANY, 6) == value


def test_a_payment_is_scaled_by_its_balances_asset() -> None:
    network = make_economy()
    alice = network.get_balance_id("alice", "EUR")
    operation = Operation(None, pay(network, "alice", "bob", "EUR", 1234, "r"))
    shown = as_json(show_value(operation, Scales({"EUR": 2}, {alice: "EUR"})))
    day = make_reference(network, "r").day
    assert shown["source"] is None
    body = shown["body"]
    assert (body["type"], body["amount"]) == ("payment", "12.34")
    assert body["reference"] == {"day": day, "text": "r"}
    assert body["source_balance"] == encode_balance_id(alice)
    assert body["destination"]["type"] == "payment_to_balance"


def test_an_amount_of_no_known_asset_is_null() -> None:
    payment = pay(make_economy(), "nobody", "bob", "EUR", 1234)
    assert show_value(payment, Scales())["amount"] is None


def test_an_assets_own_decimals_scale_it() -> None:
    shown = show_value(create_asset("BTC", maximum=123_456_789, digits=8), Scales())
    assert shown["action"]["max_issuance_amount"] == "1.23456789"
    assert shown["action"]["preissued_asset_signer"].startswith("G")


def test_what_scales_amounts_is_found_however_deep_it_stands() -> None:
    network = make_economy()
    policy = govern(put_policy("issuance", 2, asset="EUR", lower=123))
    assert find_assets(policy) == ["EUR"]
    assert (
        show_value(policy, Scales({"EUR": 2}))["change"]["action"]["ranges"][0]["lower"] == "1.23"
    )
    assert find_assets(ManageAsset(0, UpdateMaxIssuance("EUR", Amount(1)))) == ["EUR"]
    assert find_balances(pay(network, "alice", "bob", "EUR", 1)) == [
        network.get_balance_id("alice", "EUR")
    ]
    assert find_assets(create_account("carol")) == []
    assert find_balances(create_account("carol")) == []


def test_every_ledger_of_an_economy_can_be_shown() -> None:
    network = make_economy()
    scales = Scales({"EUR": 2}, {network.get_balance_id("alice", "EUR"): "EUR"})
    network.apply("alice", pay(network, "alice", "bob", "EUR", 5, "r"))
    for record in network.records:
        shown = as_json(show_value(decode(LedgerBody, record.body), scales))
        assert set(shown) == {"transactions", "changes", "upgrades"}
    (transaction,) = shown["transactions"]
    assert transaction["result"]["code"] == "SUCCESS"
    assert transaction["effects"][0]["account_id"] == encode_account_id(get_account("alice"))
    assert transaction["effects"][0]["detail"]["amount"] == "0.05"


def test_a_refusal_says_whose_code_it_is() -> None:
    network = make_economy()
    closed = network.apply("alice", pay(network, "alice", "bob", "EUR", 10**20))
    (result,) = closed.applied[0].result.operations
    shown = show_value(result, Scales())
    assert shown["outcome"] == {"type": "payment_code", "code": "UNDERFUNDED"}
    assert read_value(OperationResult, shown, Scales()) == result


PAYMENT: dict[str, Any] = {
    "source_balance": encode_balance_id(bytes(32)),
    "destination": {"type": "payment_to_balance", "balance_id": encode_balance_id(bytes(32))},
    "amount": "1.5",
}


def test_what_is_left_out_has_the_schemas_default() -> None:
    payment = read_value(Payment, PAYMENT, ANY)
    assert (payment.amount, payment.subject, payment.reference) == (1_500_000, "", None)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"amount": "1.1234567"}, "amount"),
        ({"amount": 1}, "amount"),
        ({"amount": "01e5"}, "amount"),
        ({"amont": "1"}, "amont"),
        ({"source_balance": encode_account_id(bytes(32))}, "source_balance"),
        ({"destination": {"type": "payment"}}, "destination.type"),
        ({"destination": {"type": "payment_to_account"}}, "destination.account_id"),
        ({"subject": "x" * 257}, "subject"),
        ({"subject": "\ud800"}, "subject"),
        ({"reference": {"day": True, "text": "r"}}, "reference.day"),
        ({"reference": {"day": -1, "text": "r"}}, "reference.day"),
        ({"reference": ["r"]}, "reference"),
        ({"fee_data": {"source_fee": None}}, "fee_data.source_fee"),
    ],
    ids=str,
)
def test_what_is_wrong_is_refused_with_its_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_value(Payment, {**PAYMENT, **changes}, ANY)
    assert caught.value.path == path


def test_paths_lead_through_arrays_and_unions() -> None:
    document = {
        "network_id": "00" * 32,
        "source_account": encode_account_id(bytes(32)),
        "salt": "7",
        "min_time_ms": "0",
        "max_time_ms": "1",
        "memo": "",
        "operations": [{"body": {"type": "payment", **PAYMENT, "amount": "x"}}],
    }
    with pytest.raises(Unreadable) as caught:
        read_value(Transaction, document, ANY)
    assert caught.value.path == "operations[0].body.amount"
    with pytest.raises(Unreadable) as caught:
        read_value(Transaction, {**document, "salt": "007"}, ANY)
    assert caught.value.path == "salt"


def test_an_amount_of_an_unknown_asset_cannot_be_read() -> None:
    with pytest.raises(Unreadable) as caught:
        read_value(Payment, PAYMENT, Scales())
    assert caught.value.path == "amount"


def test_details_are_given_as_json() -> None:
    made = create_asset("BTC", digits=8)
    shown = as_json(show_value(made, Scales()))
    shown["action"]["creator_details"] = {"name": "Bitcoin", "é": [1, 2.5]}
    read = read_value(ManageAsset, shown, Scales())
    assert isinstance(read.action, CreateAsset)
    assert read.action.creator_details == '{"name":"Bitcoin","é":[1,2.5]}'.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"", None),
        (b'{"a": [1, "x"], "big": 123456789012345678901234567890}', None),
        (b"not json", {"base64": "bm90IGpzb24="}),
        (b"NaN", {"base64": "TmFO"}),
        (b"\xff\xfe", {"base64": "//4="}),
        (b"[[" * 250, {"base64": "W1tb" * 166 + "W1s="}),
    ],
)
def test_json_text_is_shown_as_the_json_it_is(text: bytes, shown: Any) -> None:
    rendered = show_json_text(text)
    if isinstance(rendered, msgspec.Raw):
        assert msgspec.json.encode(rendered) == text
    else:
        assert rendered == shown
