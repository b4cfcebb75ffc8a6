"""A report as two sides: every item stands on one of them, and the drift is what none explains."""

from typing import Any

import pytest

from gateways.client.reserves import compute_sides

REPORT: dict[str, Any] = {
    "asset": "BTC",
    "chain_id": "bip122:x",
    "height": "7",
    "also": [],
    "sequence": "9",
    "holdings": [
        {"chain_id": "bip122:x", "wallet": "HOT", "amount": "3.00"},
        {"chain_id": "bip122:x", "wallet": "COLD", "amount": "4.00"},
    ],
    "issued": "6.00",
    "items": [
        {"kind": "PARKED", "name": "5", "amount": "1.50"},
        {"kind": "PAID", "name": "2", "amount": "1.00"},
        {"kind": "OLD_DUST", "name": "tx:0", "amount": "9.00"},
    ],
    "rests": [{"kind": "DUST", "count": "3", "amount": "0.50"}],
    "missing": "0.00",
    "surplus": "0.00",
}


def test_items_stand_on_their_sides() -> None:
    found = compute_sides(REPORT)
    assert found["outside"] == {"hot": "3.00", "cold": "4.00"}
    assert (found["held"], found["owed"], found["drift"]) == ("8.00", "8.00", "0.00")
    sides = {each["name"]: each["side"] for each in found["items"]}
    assert sides == {"5": "ledger", "2": "outside", "(3 more)": "ledger"}


@pytest.mark.parametrize(("name", "drift"), [("missing", "-0.25"), ("surplus", "0.25")])
def test_what_is_missing_is_negative(name: str, drift: str) -> None:
    assert compute_sides({**REPORT, name: "0.25"})["drift"] == drift


def test_accounts_stand_by_their_names() -> None:
    holdings = [
        {"chain_id": "bank:a", "wallet": "DEPOSIT", "amount": "6.50"},
        {"chain_id": "bank:b", "wallet": "HOT", "amount": "0.00"},
    ]
    items = [
        {"kind": "CHARGED", "name": "bank:a 2:1", "amount": "0.50"},
        {"kind": "OVERDRAWN", "name": "bank:b", "amount": "1.00"},
    ]
    also = [{"chain_id": "bank:b", "height": "4", "block_hash": "00"}]
    changes = {"chain_id": "bank:a", "holdings": holdings, "items": items, "also": also}
    found = compute_sides({**REPORT, **changes, "rests": []})
    assert found["outside"] == {"bank:a": "6.50", "bank:b": "0.00"}
    assert found["also"] == {"bank:b": "4"}
    assert (found["held"], found["owed"]) == ("7.00", "7.00")
