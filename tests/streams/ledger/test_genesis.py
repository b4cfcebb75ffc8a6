"""The genesis file: the same ledger 1 everywhere, and errors that say what to mend."""

import json
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.generated.ledger import LedgerBody
from schemas.strkey import encode_account_id
from streams.ledger.errors import GenesisError
from streams.ledger.genesis import decode_genesis, open_genesis
from streams.ledger.hashes import compute_network_id
from streams.ledger.invariants import check_everything
from tests.support.network import get_account, make_genesis


def make_file(**changes: Any) -> dict[str, Any]:
    validators = [encode_account_id(get_account(f"validator {n}")) for n in range(4)]
    master = encode_account_id(get_account("master"))
    return {
        "network_passphrase": "a network of tests",
        "close_time_ms": "1700000000000",
        "master": {"account": master, "signers": [{"public_key": master}]},
        "quorum_set": {"threshold": 3, "validators": validators},
        **changes,
    }


def test_a_file_makes_the_same_ledger_as_its_values() -> None:
    opened = open_genesis(decode_genesis(json.dumps(make_file()).encode()))
    assert opened.closed.header_hash == open_genesis(make_genesis()).closed.header_hash
    assert opened.closed.header.network_id == compute_network_id("a network of tests")
    check_everything(opened.ledger.state)


def test_the_order_of_validators_in_the_file_means_nothing() -> None:
    file = make_file()
    file["quorum_set"]["validators"].reverse()
    opened = open_genesis(decode_genesis(json.dumps(file).encode()))
    assert opened.closed.header_hash == open_genesis(make_genesis()).closed.header_hash


def test_its_body_holds_every_entry() -> None:
    opened = open_genesis(make_genesis())
    body = decode(LedgerBody, opened.closed.body)
    assert encode(body) == opened.closed.body
    assert len(body.changes) == len(opened.ledger.state.encoded)
    assert all(change.before is None for change in body.changes)


MASTER = make_file()["master"]
VALIDATORS = make_file()["quorum_set"]["validators"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network_passphrase": 5}, "network_passphrase"),
        ({"unknown": 1}, "unknown"),
        ({"master": {**MASTER, "account": "GABC"}}, "genesis file"),
        ({"master": {**MASTER, "signers": []}}, "do not reach 1000"),
        (
            {"master": {**MASTER, "signers": [{"public_key": MASTER["account"], "weight": 999}]}},
            "do not reach 1000",
        ),
        ({"quorum_set": {"threshold": 5, "validators": VALIDATORS}}, "quorum_set"),
        ({"quorum_set": {"threshold": 1, "validators": VALIDATORS}}, "quorum_set"),
        ({"quorum_set": {"threshold": 3, "validators": VALIDATORS + VALIDATORS[:1]}}, "quorum_set"),
        (
            {
                "master": {
                    **MASTER,
                    "signers": [
                        {"public_key": MASTER["account"], "weight": 600},
                        {"public_key": MASTER["account"], "weight": 400, "identity": 1},
                    ],
                }
            },
            "stands there twice",
        ),
        ({"settings": {"minimum_interval_ms": -1}}, "minimum_interval_ms"),
        ({"settings": {"heartbeat_ms": 0}}, "heartbeat_ms must be at least 1"),
        ({"settings": {"max_time_ahead_ms": 599_999}}, "max_time_ahead_ms must be at least 600000"),
        ({"settings": {"close_time_ahead_ms": -1}}, "genesis file"),
        ({"settings": {"max_set_transactions": 0}}, "genesis file"),
        ({"settings": {"max_set_output_bytes": 8 * 1024 * 1024 + 1}}, "genesis file"),
        ({"close_time_ms": -1}, "genesis file"),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
def test_what_cannot_be_used_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(GenesisError, match=message):
        open_genesis(decode_genesis(json.dumps(make_file(**changes)).encode()))


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(GenesisError, match="the genesis file"):
        decode_genesis(b"{")
