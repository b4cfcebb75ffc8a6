"""Commands: readable JSON becomes an unsigned transaction, with a preview of what it says."""

import base64
from typing import Any

import httpx2
import pytest

from gateways.client.transactions import add_signatures, decode_transaction
from schemas.contract import OPERATIONS
from schemas.generated.operations import Payment
from schemas.strkey import encode_account_id, encode_balance_id
from tests.gateways.support import Gateway
from tests.support.network import get_account, get_key

ALICE = encode_account_id(get_account("alice"))


def command(gateway: Gateway, operation: str, body: Any, **more: Any) -> httpx2.Response:
    document = {"source_account": ALICE, "body": body, **more}
    return gateway.stranger.post(f"{gateway.url}/v3/commands/{operation}", json=document)


def make_payment(gateway: Gateway, amount: str = "1.25") -> dict[str, Any]:
    network = gateway.world.network
    source, payee = (encode_balance_id(network.get_balance_id(n, "EUR")) for n in ("alice", "bob"))
    return {
        "source_balance": source,
        "destination": {"type": "payment_to_balance", "balance_id": payee},
        "amount": amount,
    }


def test_a_command_becomes_a_transaction_that_can_be_signed_and_applied(gateway: Gateway) -> None:
    response = command(gateway, "payment", make_payment(gateway), memo="lunch")
    assert response.status_code == 200, response.text
    attributes = response.json()["data"]["attributes"]
    assert "amount: 1.25 (How much)" in attributes["preview"]
    assert attributes["transaction"]["operations"][0]["body"]["amount"] == "1.25"
    envelope = base64.b64decode(attributes["envelope"])
    transaction = decode_transaction(envelope)
    assert transaction.memo == "lunch"
    assert isinstance(transaction.operations[0].body, Payment)
    network = gateway.world.network
    signed = add_signatures(envelope, network.network_id, get_key("alice"))
    before = network.get_amount("alice", "EUR")
    gateway.world.close(network.admit(signed))
    assert network.get_amount("alice", "EUR") == before - 125


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"amount": "1.234"}, "amount"),
        ({"amount": 1}, "amount"),
        ({"tip": "1"}, "tip"),
        ({"destination": {"type": "to_the_moon"}}, "destination"),
        ({"source_balance": "B"}, "source_balance"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    gateway: Gateway, changes: dict[str, Any], place: str
) -> None:
    response = command(gateway, "payment", {**make_payment(gateway), **changes})
    assert response.status_code == 400
    assert place in response.json()["detail"]


def test_an_operation_that_does_not_exist(gateway: Gateway) -> None:
    assert command(gateway, "fly", {}).status_code == 400
    assert command(gateway, "payment", []).status_code == 400


@pytest.mark.parametrize("operation", [row.stem for row in OPERATIONS])
def test_every_operation_has_a_command(gateway: Gateway, operation: str) -> None:
    """An empty body is refused by the place of its first missing member, or it is enough."""
    response = command(gateway, operation, {})
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert "operations[0].body" in response.json()["detail"]
