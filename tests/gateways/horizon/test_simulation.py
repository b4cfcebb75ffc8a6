"""Simulations over HTTP: what would come of a transaction, and who may ask."""

from typing import Any

import httpx2
import pytest

from schemas.codec import encode
from schemas.generated.transactions import Operation, TransactionEnvelope
from tests.gateways.support import Gateway
from tests.support.network import get_account, pay, set_fee

PATH = "/v3/transactions/simulate"


def ask(gateway: Gateway, name: str | None, source: str, *bodies: Any) -> httpx2.Response:
    transaction = gateway.world.network.build(source, *bodies)
    envelope = encode(TransactionEnvelope(encode(transaction), ()))
    headers = {"content-type": "application/avro"}
    if name is None:
        return gateway.stranger.post(gateway.url + PATH, content=envelope, headers=headers)
    auth = gateway.sign_as(name)
    return gateway.stranger.post(gateway.url + PATH, content=envelope, headers=headers, auth=auth)


def get_attributes(response: httpx2.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()["data"]["attributes"]


def test_effects_and_results_are_shown(gateway: Gateway) -> None:
    network = gateway.world.network
    shown = get_attributes(ask(gateway, "alice", "alice", pay(network, "alice", "bob", "EUR", 125)))
    assert (shown["code"], shown["operations"][0]["code"]) == ("SUCCESS", "SUCCESS")
    assert shown["results"][0]["source_sent"] == "1.25"
    kinds = {each["kind"]: each["detail"]["amount"] for each in shown["effects"]}
    assert kinds == {"CHARGED": "1.25", "FUNDED": "1.25"}
    assert network.get_amount("alice", "EUR") == 1_000_000


def test_a_fee_that_is_due_is_told(gateway: Gateway) -> None:
    world = gateway.world
    world.apply("master", set_fee("EUR", 1, 30, account="bob"))
    body = pay(world.network, "bob", "alice", "EUR", 100)
    shown = get_attributes(ask(gateway, "bob", "bob", body))
    assert (shown["code"], shown["effects"]) == ("FAILED", [])
    assert shown["operations"][0]["code"] == "INSUFFICIENT_FEE_AMOUNT"
    assert shown["details"][0]["source_fee"]["fixed"] == "0.30"


def test_only_who_signs_for_every_source_may_ask(gateway: Gateway) -> None:
    network = gateway.world.network
    body = pay(network, "alice", "bob", "EUR", 1)
    assert ask(gateway, None, "alice", body).status_code == 401
    assert ask(gateway, "bob", "alice", body).status_code == 403
    both = Operation(get_account("alice"), body)
    assert ask(gateway, "bob", "bob", both).status_code == 403
    assert ask(gateway, "master", "alice", body).status_code == 200


@pytest.mark.parametrize("source", ["nobody"])
def test_what_could_not_enter_a_ledger_is_rejected(gateway: Gateway, source: str) -> None:
    body = pay(gateway.world.network, "alice", "bob", "EUR", 1)
    response = ask(gateway, "master", source, body)
    assert response.status_code == 400, response.text
    assert response.json()["code"] == "NO_ACCOUNT"
