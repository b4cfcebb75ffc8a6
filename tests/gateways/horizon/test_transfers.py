"""Transfers, their events and bindings of addresses, as services and cosigners read them."""

import base64
from typing import Any

import httpx2
import pytest

from schemas.strkey import encode_account_id
from tests.gateways.horizon.border_history import add_border_history
from tests.gateways.support import Gateway
from tests.support.border import CHAIN, PAYLOAD
from tests.support.network import get_account

ALICE = encode_account_id(get_account("alice"))


@pytest.fixture(scope="module", autouse=True)
def history(gateway: Gateway) -> None:
    add_border_history(gateway.world)


def ask(gateway: Gateway, path: str, name: str = "master", **filters: str) -> httpx2.Response:
    query = {f"filter[{key}]": value for key, value in filters.items()}
    if path.count("/") == 2:
        query["order"] = "asc"
    return gateway.stranger.get(path, params=query, auth=gateway.sign_as(name))


def get_ids(gateway: Gateway, **filters: str) -> list[str]:
    return [each["id"] for each in ask(gateway, "/v3/transfers", **filters).json()["data"]]


def test_transfers_are_found_by_chain_state_and_request(gateway: Gateway) -> None:
    assert get_ids(gateway) == ["1", "2"]
    assert get_ids(gateway, chain=CHAIN) == ["1", "2"]
    assert get_ids(gateway, chain="eip155:1") == []
    assert get_ids(gateway, state="CLOSED") == ["1"]
    assert get_ids(gateway, state="COMMITTED") == ["2"]
    request = ask(gateway, "/v3/transfers/2").json()["data"]["attributes"]["requests"][0]
    assert get_ids(gateway, request=request) == ["2"]
    assert get_ids(gateway, purpose="SWEEP") == []


def test_one_shows_its_payload_and_signatures_until_it_is_closed(gateway: Gateway) -> None:
    def get(number: int) -> Any:
        return ask(gateway, f"/v3/transfers/{number}").json()["data"]["attributes"]

    closed, pending = get(1), get(2)
    assert (closed["state"], closed["entry"]["outcome"]) == ("CLOSED", "PAID")
    assert closed["payloads"] == closed["signatures"] == []
    assert len(pending["payloads"]) == len(pending["signatures"]) == 1
    assert pending["signatures"][0]["account_id"] == encode_account_id(get_account("cosigner 1"))
    assert base64.b64decode(pending["payloads"][0]["payload"]) == PAYLOAD


def test_events_tell_a_transfers_life_once_each(gateway: Gateway) -> None:
    events = ask(gateway, "/v3/transfer-events", transfer="1").json()["data"]
    assert [each["attributes"]["event"] for each in events] == [
        "COMMITTED",
        "SIGNED",
        "SIGNED",
        "CONFIRMED",
        "PAID",
        "CLOSED",
    ]
    assert len(ask(gateway, "/v3/transfer-events", event="COMMITTED").json()["data"]) == 2


def test_whoever_has_no_right_reads_none(gateway: Gateway) -> None:
    assert ask(gateway, "/v3/transfers", "alice").status_code == 403
    assert ask(gateway, "/v3/transfers/1", "alice").status_code == 404
    assert ask(gateway, "/v3/transfer-events", "alice").status_code == 403


def test_an_account_reads_its_own_bindings(gateway: Gateway) -> None:
    [binding] = ask(gateway, "/v3/external-bindings", "alice", account=ALICE).json()["data"]
    shown = binding["attributes"]
    assert (shown["system"], shown["address"], shown["until_at"]) == (CHAIN, "0xa", None)
    assert ask(gateway, "/v3/external-bindings", "bob", account=ALICE).status_code == 403
    assert len(ask(gateway, "/v3/external-bindings", address="0xa").json()["data"]) == 1


def test_services_see_pools_keysets_checkpoints_and_debts_without_a_signature(
    gateway: Gateway,
) -> None:
    for path in (
        "external-pools",
        "keysets",
        "wallet-nonces",
        "chain-checkpoints",
        "transfer-policies",
        "network-fee-debts",
    ):
        response = httpx2.get(f"{gateway.url}/v3/{path}")
        assert response.status_code == 200
        assert response.json()["data"], path
