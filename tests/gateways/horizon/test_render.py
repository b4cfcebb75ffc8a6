"""The ledger's values as JSON."""

from typing import Any

import msgspec
import pytest

from gateways.horizon.render import Scales, get_type_name, render_details, render_value
from schemas.binary import Record
from schemas.codec import decode
from schemas.generated import READERS
from schemas.generated.ledger import LedgerBody
from schemas.generated.operations import CreateAccount
from schemas.generated.transactions import Operation
from schemas.strkey import encode_account_id, encode_balance_id
from tests.support.network import create_asset, get_account, make_economy, pay


def as_json(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def test_a_payment_is_scaled_by_its_balances_asset() -> None:
    network = make_economy()
    alice = network.get_balance_id("alice", "EUR")
    operation = Operation(None, pay(network, "alice", "bob", "EUR", 1234, "r"))
    rendered = as_json(render_value(operation, Scales({"EUR": 2}, {alice: "EUR"})))
    assert rendered["source"] is None
    body = rendered["body"]
    assert (body["type"], body["amount"], body["reference"]) == ("payment", "12.34", "r")
    assert body["source_balance"] == encode_balance_id(alice)
    assert body["destination"]["type"] == "payment_to_balance"
    assert body["fee_data"]["source_fee"] == {"fixed": "0.00", "percent": "0.00"}


def test_an_amount_of_no_known_asset_is_null() -> None:
    network = make_economy()
    payment = pay(network, "nobody", "bob", "EUR", 1234)
    assert render_value(payment, Scales())["amount"] is None


def test_an_assets_own_digits_scale_it() -> None:
    rendered = render_value(create_asset("BTC", maximum=123_456_789, digits=8), Scales())
    assert rendered["action"]["max_issuance_amount"] == "1.23456789"
    assert rendered["action"]["preissued_asset_signer"].startswith("G")


def test_every_ledger_of_an_economy_can_be_shown() -> None:
    network = make_economy()
    scales = Scales({"EUR": 2}, {network.get_balance_id("alice", "EUR"): "EUR"})
    network.apply("alice", pay(network, "alice", "bob", "EUR", 5, "r"))
    for record in network.records:
        shown = as_json(render_value(decode(LedgerBody, record.body), scales))
        assert set(shown) == {"transactions", "changes"}
    (transaction,) = shown["transactions"]
    assert transaction["result"]["code"] == "SUCCESS"
    assert transaction["effects"][0]["account_id"] == encode_account_id(get_account("alice"))
    assert transaction["effects"][0]["movement"]["amount"] == "0.05"
    assert transaction["changes"][-1]["after"]["data"]["first"]["ledger_sequence"] == "6"


def test_every_record_of_the_contract_has_a_plan() -> None:
    from gateways.horizon.render import _get_plan

    plans = [_get_plan(kind) for kind in READERS if issubclass(kind, Record)]
    assert len(plans) > 50
    assert get_type_name(CreateAccount) == "create_account"


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        (b"", None),
        (b'{"a": [1, "x"], "big": 123456789012345678901234567890}', None),
        (b"not json", {"hex": b"not json".hex()}),
        (b"NaN", {"hex": b"NaN".hex()}),
        (b"\xff\xfe", {"hex": "fffe"}),
        (b"[" * 500, {"hex": (b"[" * 500).hex()}),
    ],
)
def test_details_are_the_json_they_hold(details: bytes, shown: Any) -> None:
    rendered = render_details(details)
    if isinstance(rendered, msgspec.Raw):
        assert msgspec.json.encode(rendered) == details
    else:
        assert rendered == shown
