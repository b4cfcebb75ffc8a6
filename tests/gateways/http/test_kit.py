"""The kit alone makes a gateway: methods, rate classes, guards, bodies, health, OpenAPI."""

from collections.abc import Iterator
from dataclasses import replace

import httpx2
import pytest

from gateways.client.request_signing import RequestSigner
from gateways.http.app import build_app
from tests.gateways.http.conftest import ORIGIN, make_settings, run_notes
from tests.gateways.http.notes import ROUTES, Notes
from tests.gateways.support import create_store
from tests.support.network import get_key
from tests.support.servers import Servers

JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def notes(servers: Servers) -> Iterator[httpx2.Client]:
    """Requests are signed by Alice, who owns the notes."""
    with (
        run_notes(create_store(servers), proxies=("127.0.0.1",)) as url,
        httpx2.Client(base_url=url, auth=RequestSigner(get_key("alice"))) as client,
    ):
        yield client


def get_slug(response: httpx2.Response) -> str:
    return str(response.json()["type"]).rpartition("#problem-")[2]


def test_every_method_has_its_row(notes: httpx2.Client) -> None:
    assert notes.get("/notes/1").status_code == 404
    assert notes.put("/notes/1", json={"text": "a"}).json() == {"text": "a"}
    assert notes.patch("/notes/1", json={"text": "b"}).json() == {"text": "ab"}
    assert notes.get("/notes/1").json() == {"text": "ab"}
    assert notes.head("/notes/1").status_code == 200
    assert notes.delete("/notes/1").status_code == 204
    assert notes.get("/notes/1").status_code == 404
    refused = notes.post("/notes/1", json={"text": "a"})
    assert (refused.status_code, get_slug(refused)) == (405, "method-not-allowed")
    assert {"GET", "PUT", "PATCH", "DELETE"} <= set(refused.headers["allow"].split(", "))


def test_guards_decide_who_writes(notes: httpx2.Client) -> None:
    bob = RequestSigner(get_key("bob"))
    assert notes.put("/notes/2", json={"text": "a"}, auth=bob).status_code == 403
    unsigned = httpx2.put(f"{notes.base_url}/notes/2", json={"text": "a"})
    assert (unsigned.status_code, get_slug(unsigned)) == (401, "signature-required")
    assert notes.get("/notes/2").status_code == 404


def test_keys_and_subjects_have_limits_of_their_own(notes: httpx2.Client) -> None:
    carol = RequestSigner(get_key("carol"))
    statuses = [notes.delete("/notes/9", auth=carol).status_code for _ in range(21)]
    assert statuses == [403] * 20 + [429]

    def log_in(name: str, address: str) -> httpx2.Response:
        headers = {"x-forwarded-for": address}
        return notes.post("/log-in", json={"text": name}, headers=headers)

    assert [log_in("alice", f"10.0.0.{n}").status_code for n in range(3)] == [200, 200, 429]
    refused = log_in("alice", "10.0.0.9")
    assert (get_slug(refused), refused.headers["ratelimit-policy"]) == (
        "rate-limited",
        '"log-in-subject";q=2;w=99999',
    )
    assert [log_in(f"bob{n}", "10.0.1.1").status_code for n in range(6)] == [200] * 5 + [429]


@pytest.mark.parametrize(
    ("content", "headers", "status", "slug"),
    [
        (b"{", JSON, 400, "bad-request"),
        (b'{"text": "a", "more": 1}', JSON, 400, "bad-request"),
        (b"[" * 100_000, JSON, 413, "content-too-large"),
        (b'{"text": "a"}', {"content-type": "text/plain"}, 415, "unsupported-media-type"),
        (b'{"text": "a"}', {**JSON, "content-encoding": "br"}, 415, "unsupported-media-type"),
    ],
)
def test_bodies_are_what_the_row_declares(
    notes: httpx2.Client, content: bytes, headers: dict[str, str], status: int, slug: str
) -> None:
    response = notes.put("/notes/3", content=content, headers=headers)
    assert (response.status_code, get_slug(response)) == (status, slug)


def test_pages_of_other_origins_may_use_the_methods(notes: httpx2.Client) -> None:
    asking = {"origin": ORIGIN, "access-control-request-method": "PATCH"}
    allowed = notes.options("/notes/1", headers=asking)
    assert allowed.status_code == 200
    methods = set(allowed.headers["access-control-allow-methods"].split(", "))
    assert methods == {"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"}


def test_openapi_has_every_row(notes: httpx2.Client) -> None:
    paths = notes.get("/openapi.json").json()["paths"]
    declared = {(path, method.upper()) for path, rows in paths.items() for method in rows}
    assert declared == {(route.path, route.method) for route in ROUTES}
    assert notes.get("/docs").status_code == 200
    assert notes.get("/health").json() == {"status": "ok", "problem": None, "failing_tasks": {}}


def test_a_row_of_an_unknown_rate_class_is_refused() -> None:
    service = Notes(make_settings(), b"")
    service.routes = (replace(ROUTES[0], rate_class="writing"),)
    with pytest.raises(ValueError, match="writing"):
        build_app(service)
