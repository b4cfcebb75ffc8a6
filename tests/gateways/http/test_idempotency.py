"""A request with an Idempotency-Key is carried out once, and its key is part of what is signed."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx2
import psycopg
import pytest

from gateways.client.request_signing import RequestSigner
from gateways.http.app import build_app
from tests.gateways.http.conftest import make_settings, run_notes
from tests.gateways.http.notes import ROUTES, Notes
from tests.gateways.support import create_store
from tests.support.network import get_key
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def store_url(servers: Servers) -> str:
    return create_store(servers)


@pytest.fixture(scope="module")
def clients(store_url: str) -> Iterator[tuple[httpx2.Client, httpx2.Client]]:
    """Two processes of one gateway would have one address; here each has its own."""
    alice = RequestSigner(get_key("alice"))
    with (
        run_notes(store_url) as first,
        run_notes(store_url) as second,
        httpx2.Client(base_url=first, auth=alice, timeout=20) as one,
        httpx2.Client(base_url=second, auth=alice, timeout=20) as two,
    ):
        yield one, two


def make_key() -> str:
    return secrets.token_urlsafe(12)


def order(client: httpx2.Client, text: str, key: str, **more: Any) -> httpx2.Response:
    return client.post("/orders", json={"text": text}, headers={"idempotency-key": key}, **more)


def get_slug(response: httpx2.Response) -> str:
    return str(response.json()["type"]).rpartition("#problem-")[2]


def test_the_same_request_has_one_answer(clients: tuple[httpx2.Client, httpx2.Client]) -> None:
    key = make_key()
    first = order(clients[0], "tea", key)
    assert (first.status_code, "idempotency-replayed" in first.headers) == (201, False)
    for client in clients:
        again = order(client, "tea", key)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
    assert order(clients[0], "tea", make_key()).content != first.content


def test_another_request_with_the_key_is_refused(
    clients: tuple[httpx2.Client, httpx2.Client],
) -> None:
    key = make_key()
    assert order(clients[0], "tea", key).status_code == 201
    refused = order(clients[1], "coffee", key)
    assert (refused.status_code, get_slug(refused)) == (422, "idempotency-key-reused")


def test_of_many_at_once_one_is_carried_out(clients: tuple[httpx2.Client, httpx2.Client]) -> None:
    key = make_key()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda n: order(clients[n % 2], "slowly", key), range(20)))
    assert sorted({answer.status_code for answer in answers}) == [201, 409]
    assert [answer.status_code for answer in answers].count(201) == 1
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert get_slug(refused) == "request-in-flight"
    assert order(clients[1], "slowly", key).headers["idempotency-replayed"] == "true"


def test_what_failed_may_be_sent_again(clients: tuple[httpx2.Client, httpx2.Client]) -> None:
    for text, status in (("refuse", 404), ("fail", 500)):
        key = make_key()
        assert [order(clients[0], text, key).status_code for _ in range(2)] == [status, status]


def test_the_claim_of_a_process_that_died_is_taken_over(
    clients: tuple[httpx2.Client, httpx2.Client], store_url: str
) -> None:
    key = make_key()
    assert order(clients[0], "tea", key).status_code == 201
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute("update gateway.answers set status = null where key = %s", (key,))
        assert order(clients[0], "tea", key).status_code == 409
        connection.execute(
            "update gateway.answers set claimed_at = now() - interval '2 minutes' where key = %s",
            (key,),
        )
    assert order(clients[0], "tea", key).status_code == 201


def test_the_key_is_signed(clients: tuple[httpx2.Client, httpx2.Client]) -> None:
    url = str(clients[0].base_url).rstrip("/") + "/orders"
    body = b'{"text":"tea"}'
    signer = RequestSigner(get_key("alice"))
    kind = {"content-type": "application/json"}
    key = make_key()
    for signed_key, sent_key in ((None, key), (key, None), (key, make_key())):
        headers = {**kind, **signer.sign_request("POST", url, body, signed_key)}
        if sent_key is not None:
            headers["idempotency-key"] = sent_key
        refused = httpx2.post(url, content=body, headers=headers)
        assert (refused.status_code, get_slug(refused)) == (401, "signature-invalid")
    assert order(clients[0], "tea", "short").status_code == 400


def test_a_key_is_its_signers_own(clients: tuple[httpx2.Client, httpx2.Client]) -> None:
    key = make_key()
    assert order(clients[0], "tea", key).status_code == 201
    bob = RequestSigner(get_key("bob"))
    assert order(clients[0], "tea", key, auth=bob).status_code == 403


def test_public_rows_take_no_key() -> None:
    row = next(route for route in ROUTES if route.path == "/orders")
    service = Notes(make_settings(), b"")
    service.routes = [replace(row, guard=None)]
    with pytest.raises(ValueError, match="/orders"):
        build_app(service)
