"""Streams: every row after a position, in order, once, wherever the connection is cut."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from gateways.client.horizon import HorizonClient
from gateways.http.sse import HEARTBEAT_SECONDS
from tests.gateways.support import Gateway, run_gateway, wait_until
from tests.support.network import get_key, pay
from tests.support.servers import Servers

PATHS = ("/v3/ledgers", "/v3/transactions", "/v3/operations", "/v3/movements")


def close_ledgers(gateway: Gateway, count: int) -> None:
    """Ledgers of three transactions each, the last empty."""
    network = gateway.world.network
    for _ in range(count - 1):
        bodies = [pay(network, "alice", "bob", "EUR", 1) for _ in range(3)]
        gateway.world.close(*(network.prepare("alice", body) for body in bodies))
    gateway.world.close()


def get_ids(gateway: Gateway, path: str) -> list[str]:
    found: list[str] = []
    page = gateway.get(path, {"order": "asc", "page[limit]": "200"})
    while True:
        found += [each["id"] for each in page["data"]]
        if page["links"]["next"] is None:
            return found
        page = gateway.get(page["links"]["next"])


def read_events(
    gateway: Gateway, path: str, count: int, after: str | None = None, **parameters: str
) -> list[tuple[str, Any]]:
    """The next `count` events of one connection."""
    headers = {} if after is None else {"last-event-id": after}
    found: list[tuple[str, Any]] = []
    with gateway.client.sse(path, headers=headers, params=parameters or None) as events:
        for event in events:
            if event.data:
                found.append((event.id, event.json()))
            if len(found) == count:
                break
    return found


@pytest.mark.parametrize("path", PATHS)
def test_a_stream_cut_again_and_again_has_everything_once(gateway: Gateway, path: str) -> None:
    close_ledgers(gateway, 3)
    writer = threading.Thread(target=close_ledgers, args=(gateway, 8))
    writer.start()
    seen: list[tuple[str, Any]] = []
    position = "0"
    expected = 8 if path == "/v3/ledgers" else 21
    for size in (1, 3, 2, 7):
        seen += read_events(gateway, path, size, position)
        position = seen[-1][0]
    writer.join()
    whole = get_ids(gateway, path)
    assert len(whole) > expected
    seen += read_events(gateway, path, len(whole) - len(seen), position)
    shown = [one["id"] for _, one in seen]
    assert shown == whole
    ids = [int(id_) for id_, _ in seen]
    assert ids == sorted(set(ids))


def test_without_a_position_a_stream_begins_now(gateway: Gateway) -> None:
    seen: list[tuple[str, Any]] = []
    reader = threading.Thread(
        target=lambda: seen.extend(read_events(gateway, "/v3/transactions", 3))
    )
    wait_until(lambda: get_open_streams(gateway) == 0)  # those of other tests have ended
    reader.start()
    wait_until(lambda: get_open_streams(gateway) == 1)
    close_ledgers(gateway, 2)
    reader.join(20)
    sequence = gateway.world.network.ledger.header.sequence
    assert {one["attributes"]["ledger_sequence"] for _, one in seen} == {str(sequence - 1)}


def test_streams_are_filtered(gateway: Gateway) -> None:
    world = gateway.world
    world.apply("alice", pay(world.network, "alice", "bob", "EUR", 7))
    world.apply("bob", pay(world.network, "bob", "alice", "EUR", 8))
    movements = gateway.get("/v3/movements", {"order": "desc", "page[limit]": "4"})["data"]
    bob = movements[0]["attributes"]["account"]
    after = str(int(movements[3]["id"]) - 1)
    events = read_events(gateway, "/v3/movements", 2, after, **{"filter[account]": bob})
    assert [one["attributes"]["account"] for _, one in events] == [bob, bob]


def test_bad_positions_are_refused(gateway: Gateway) -> None:
    for after in ("x", "-1", "1 2"):
        response = gateway.client.get(
            "/v3/ledgers", headers={"accept": "text/event-stream", "last-event-id": after}
        )
        assert response.status_code == 400


def get_open_streams(gateway: Gateway) -> float:
    lines = gateway.client.get("/metrics").text.splitlines()
    (value,) = [each for each in lines if each.startswith("tokend_gateway_streams ")]
    return float(value.split()[1])


def test_streams_are_bounded_and_end_with_their_readers(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("bounded")
    with run_gateway(servers, folder, streams_max=2) as gateway:
        accept = {"accept": "text/event-stream"}
        with (
            gateway.client.stream("GET", "/v3/ledgers", headers=accept) as first,
            gateway.client.stream("GET", "/v3/ledgers", headers=accept) as second,
        ):
            assert first.headers["content-type"].startswith("text/event-stream")
            assert second.status_code == 200
            wait_until(lambda: get_open_streams(gateway) == 2)
            third = gateway.client.get("/v3/ledgers", headers=accept)
            assert third.status_code == 429
            assert third.headers["retry-after"]
        wait_until(lambda: get_open_streams(gateway) == 0)


def test_a_silent_stream_has_a_heartbeat(gateway: Gateway) -> None:
    assert HEARTBEAT_SECONDS <= 15
    accept = {"accept": "text/event-stream"}
    with gateway.client.stream("GET", "/v3/ledgers", headers=accept) as response:
        for line in response.iter_lines():
            if line.startswith(": ping"):
                break


def test_the_client_goes_on_where_it_was_cut(gateway: Gateway) -> None:
    """Every connection ends after two events: nothing is lost, nothing comes twice."""
    close_ledgers(gateway, 5)
    newest = gateway.get("/v3/transactions", {"page[limit]": "9"})["data"]
    first = int(newest[-1]["attributes"]["sequential_id"])
    whole = [each["id"] for each in reversed(newest)]
    seen = []
    http = httpx2.Client(transport=_Cutting())
    with HorizonClient(gateway.url, get_key("master"), http) as client:
        for _, one in client.stream("/v3/transactions", after=str(first - 1)):
            seen.append(one["id"])
            if len(seen) == len(whole):
                break
    assert seen == whole


class _Cutting(httpx2.HTTPTransport):
    """The real transport, but streams break in the middle of their third event."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        body = response.stream
        assert isinstance(body, httpx2.SyncByteStream)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=_Cut(body), request=request
        )


class _Cut(httpx2.SyncByteStream):
    def __init__(self, body: httpx2.SyncByteStream) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        events = 0
        for chunk in self._body:
            events += chunk.count(b"data:")
            if events > 2:
                yield chunk[: len(chunk) // 2]
                raise httpx2.ReadError("cut by a test")
            yield chunk

    def close(self) -> None:
        self._body.close()
