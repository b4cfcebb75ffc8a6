"""Transactions from readable JSON: what a file may leave out, and what is told of mistakes."""

from collections.abc import Iterable
from typing import Any

import pytest

from gateways.client.documents import preview_transaction, read_transaction
from gateways.client.errors import ClientError
from schemas.generated.operations import Payment
from schemas.strkey import encode_account_id, encode_balance_id
from tests.support.network import Network, get_account

NETWORK = Network()
ALICE = encode_account_id(get_account("alice"))
BALANCE = encode_balance_id(NETWORK.get_balance_id("alice", "EUR"))
OTHER = encode_balance_id(NETWORK.get_balance_id("bob", "EUR"))
BODY: dict[str, Any] = {
    "type": "payment",
    "source_balance": BALANCE,
    "destination": {"type": "payment_to_account", "account_id": ALICE},
    "amount": "12.5",
}
UNKNOWN = {**BODY, "source_balance": OTHER}  # of an account that the transaction does not name
DOCUMENT: dict[str, Any] = {"source_account": ALICE, "operations": [{"body": BODY}]}
NOW_MS = 1_700_000_000_000


class Assets:
    """Two assets; a Horizon gateway would be asked for them."""

    def get_asset(self, code: str) -> dict[str, Any]:
        return {"trailing_digits": {"EUR": 2, "BTC": 8}[code]}

    def walk(self, path: str) -> Iterable[dict[str, Any]]:
        assert path == "/v3/assets"
        return [{"id": "BTC"}, {"id": "EUR"}]


def read(**changes: Any) -> Any:
    return read_transaction({**DOCUMENT, **changes}, NETWORK.network_id, NOW_MS, Assets())


def test_what_a_network_and_a_clock_know_is_filled_in() -> None:
    transaction = read()
    assert transaction.network_id == NETWORK.network_id
    assert (transaction.min_time_ms, transaction.memo) == (0, "")
    assert transaction.max_time_ms == NOW_MS + 5 * 60_000
    (operation,) = transaction.operations
    assert isinstance(operation.body, Payment)
    assert operation.body.amount == 1_250


def test_a_preview_says_amounts_in_decimals_and_what_members_mean() -> None:
    lines = list(preview_transaction(read(memo="rent"), Assets()))
    assert lines[1] == f"source account {ALICE}"
    assert lines[3] == "memo: rent"
    assert lines[4] == "1. payment"
    (amount,) = [line for line in lines if line.startswith("   amount:")]
    assert "12.50" in amount


def test_salts_are_random() -> None:
    assert read().salt != read().salt


def test_what_is_given_stays() -> None:
    transaction = read(salt="7", memo="rent", min_time_ms="5", max_time_ms="9")
    assert (transaction.salt, transaction.memo) == (7, "rent")
    assert (transaction.min_time_ms, transaction.max_time_ms) == (5, 9)


def test_a_balance_of_an_operations_own_source_is_known_too() -> None:
    bob = encode_account_id(get_account("bob"))
    operation = {"source": bob, "body": {**BODY, "source_balance": OTHER}}
    assert read(operations=[operation]).operations[0].body.amount == 1_250


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"operations": [{"body": {**BODY, "amount": "1.234"}}]}, "operations[0].body.amount"),
        (
            {"operations": [{"body": {**BODY, "source_balance": OTHER}}]},
            "operations[0].body.amount",
        ),
        ({"operations": {}}, "operations"),
        ({"operations": [7]}, "operations[0]"),
        ({"source_account": "GABC"}, "source_account"),
        ({"fee": "1"}, "fee"),
    ],
)
def test_mistakes_are_told_with_their_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(ClientError) as caught:
        read(**changes)
    assert f": {path}: " in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "x"])
def test_what_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(ClientError):
        read_transaction(document, NETWORK.network_id, NOW_MS, Assets())
