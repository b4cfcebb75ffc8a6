"""The node's private port: who may read it, and a metrics page that Prometheus can parse."""

import asyncio
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.herder.proofs import Proofs
from streams.herder.simulator import Simulator
from streams.node.config import PeerSettings
from streams.node.metrics import MEDIA_TYPE, Metrics
from streams.node.private_http import PrivateHttp
from tests.streams.herder.test_proofs import World
from tests.support.network import make_economy

TOKEN = "the token of tests"
STATUS: dict[str, Any] = {
    "node": "core1",
    "sequence": 7,
    "published": 6,
    "uncertified": 1,
    "archived": 64,
    "archive_backlog": 2,
    "waiting_transactions": 20,
    "connected": ["core2", "core3"],
    "missing": ["core4"],
    "has_quorum": True,
    "behind": 0,
    "phase": "idle",
    "kafka_clients_replaced": 0,
    "problems": [],
    "is_healthy": True,
}


def ask(app: Any, method: str, path: str, **given: Any) -> httpx2.Response:
    async def send() -> httpx2.Response:
        transport = httpx2.ASGITransport(app)
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://core1") as client:
            return await client.request(method, path, headers=headers, **given)

    return asyncio.run(send())


def get(path: str, metrics: Metrics, token: str = TOKEN, **status: Any) -> httpx2.Response:
    ledger = make_economy().ledger
    http = PrivateHttp(token, Proofs(ledger), Simulator(ledger), metrics, lambda: STATUS | status)
    return ask(http.app, "GET", path)


def read(response: httpx2.Response) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample by its name and the values of its labels."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_the_metrics_page_can_be_parsed() -> None:
    metrics = Metrics()
    metrics.rejections.labels("MALFORMED").inc(3)
    metrics.transactions.inc(40)
    response = get("/metrics", metrics)
    assert response.headers["content-type"] == MEDIA_TYPE
    samples = read(response)
    assert samples["tokend_core_sequence", ()] == 7
    assert samples["tokend_core_is_healthy", ()] == 1
    assert samples["tokend_core_connected", ()] == 2
    assert samples["tokend_core_missing", ()] == 1
    assert samples["tokend_core_rejections_total", ("MALFORMED",)] == 3
    assert samples["tokend_core_transactions_total", ()] == 40
    assert samples["tokend_core_commit_seconds_count", ()] == 0
    assert read(get("/metrics", metrics, is_healthy=False))["tokend_core_is_healthy", ()] == 0


def test_health_follows_the_status() -> None:
    assert get("/health", Metrics()).status_code == 200
    assert get("/health", Metrics(), is_healthy=False).status_code == 503


@pytest.mark.parametrize("path", ["/status", "/metrics"])
def test_everything_but_health_needs_the_token(path: str) -> None:
    assert get(path, Metrics(), token="another").status_code == 401
    assert get("/health", Metrics(), token="another").status_code == 200
    assert ask_proof({"keys": ["00"]}, token="another").status_code == 401


def ask_proof(wanted: Any, world: World | None = None, token: str = TOKEN) -> httpx2.Response:
    made = world or World()
    app = PrivateHttp(
        token, made.proofs, Simulator(made.network.ledger), Metrics(), lambda: STATUS
    ).app
    return ask(app, "POST", "/proof", json=wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"keys": []},
        {"keys": [""]},
        {"keys": ["0"]},
        {"keys": ["00 00"]},
        {"keys": ["AB"]},
        {"keys": ["0g"]},
        {"keys": ["00" * 401]},
        {"keys": ["00\n"]},
        {"keys": ["00", "0g"]},
        {"keys": ["00"], "more": 1},
        {"keys": ["00"] * 257},
        {"keys": ["00"], "sequence": 1, "is_held": True},
    ],
)
def test_what_is_no_request_for_a_proof_is_refused(wanted: Any) -> None:
    assert ask_proof(wanted).status_code == 400


def test_a_request_that_is_too_long_is_refused() -> None:
    assert ask_proof({"keys": ["00" * 400] * 400}).status_code == 413


def test_before_a_ledger_was_certified_nothing_is_proved() -> None:
    assert ask_proof({"keys": ["00" * 400]}).status_code == 503
    assert ask_proof({"keys": ["00"], "is_held": True}).status_code == 503


def test_many_keys_are_proved_at_one_held_ledger() -> None:
    world = World()
    world.pay(5)
    wanted = [world.get_key("alice"), world.get_key("bob"), world.get_key("alice")[:-1] + b"\0"]
    texts = [key.hex() for key in wanted]
    first = ask_proof({"keys": texts[:1], "is_held": True}, world).json()
    sequence = first["sequence"]
    world.pay(7)
    later = ask_proof({"keys": texts, "sequence": sequence}, world).json()
    assert later["header"] == first["header"]
    assert later["entries"][0] == first["entries"][0]
    assert [each["entry"] is None for each in later["entries"]] == [False, False, True]
    newest = ask_proof({"keys": texts}, world).json()
    assert newest["sequence"] == sequence + 1
    assert newest["entries"][0] != first["entries"][0]
    assert ask_proof({"keys": texts, "sequence": sequence + 1}, world).status_code == 404


def test_peers_are_changed_by_the_operator() -> None:
    taken: list[tuple[PeerSettings, ...]] = []

    def take(peers: tuple[PeerSettings, ...]) -> None:
        if any(each.name == "nobody" for each in peers):
            raise ValueError("no such key")
        taken.append(peers)

    ledger = make_economy().ledger
    http = PrivateHttp(
        TOKEN, Proofs(ledger), Simulator(ledger), Metrics(), lambda: STATUS, set_peers=take
    )
    core5 = {"name": "core5", "node_id": "G5", "address": "127.0.0.1:5"}
    answer = ask(http.app, "PUT", "/peers", json={"peers": [core5]})
    assert (answer.status_code, answer.json()) == (200, {"peers": ["core5"]})
    assert taken == [(PeerSettings("core5", "G5", "127.0.0.1:5"),)]
    nobody = {"peers": [{**core5, "name": "nobody"}]}
    wrong: Any
    for wrong in (nobody, {"peers": [{}]}, {"peers": 5}, {"peers": [], "more": 1}):
        assert ask(http.app, "PUT", "/peers", json=wrong).status_code == 400
    assert len(taken) == 1
