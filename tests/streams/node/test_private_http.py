"""The node's private port: who may read it, and a metrics page that Prometheus can parse."""

import asyncio
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.herder.proofs import Proofs
from streams.herder.simulator import Simulator
from streams.node.metrics import MEDIA_TYPE, Metrics
from streams.node.private_http import PrivateHttp
from tests.support.network import make_economy

TOKEN = "the token of tests"
STATUS: dict[str, Any] = {
    "node": "core1",
    "sequence": 7,
    "published": 6,
    "uncertified": 1,
    "waiting_transactions": 20,
    "connected": ["core2", "core3"],
    "missing": ["core4"],
    "behind": 0,
    "phase": "idle",
    "kafka_clients_replaced": 0,
    "problems": [],
    "is_healthy": True,
}


def get(path: str, metrics: Metrics, token: str = TOKEN, **status: Any) -> httpx2.Response:
    ledger = make_economy().ledger
    http = PrivateHttp(token, Proofs(ledger), Simulator(ledger), metrics, lambda: STATUS | status)

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(http.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://core1") as client:
            return await client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})

    return asyncio.run(ask())


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


@pytest.mark.parametrize("path", ["/status", "/metrics", "/proof?key=00"])
def test_everything_but_health_needs_the_token(path: str) -> None:
    assert get(path, Metrics(), token="another").status_code == 401
    assert get("/health", Metrics(), token="another").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?key=",
        "?key=0",
        "?key=00%2000",
        "?key=AB",
        "?key=0g",
        f"?key={'00' * 401}",
        f"?key={'00' * 400}zz",
        "?key=00&key=0g",
        "?key=00&more=1",
        "?key=00" + "&key=01" * 4,
    ],
)
def test_a_key_that_is_no_key_is_refused(query: str) -> None:
    """Before, what followed 800 characters was ignored: a proof of another key was answered."""
    assert get(f"/proof{query}", Metrics()).status_code == 400


def test_the_longest_key_is_read() -> None:
    """No ledger is certified here, so there is no proof to answer with."""
    assert get(f"/proof?key={'00' * 400}", Metrics()).status_code == 503
