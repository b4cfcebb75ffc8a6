"""The client's streams: pauses that the gateway asks for, back-off, and where it resumes."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from gateways.client.backoff import compute_pause
from gateways.client.errors import ProblemError
from gateways.client.horizon import HorizonClient

UNAVAILABLE = b'{"type": "x#problem-view-unavailable", "title": "t", "status": 503}'
FORBIDDEN = b'{"type": "x#problem-forbidden", "title": "t", "status": 403}'
EVENT = b'id: 7\nevent: ledgers\ndata: {"id": "7"}\n\n'


class Gateway(ThreadingHTTPServer):
    """Answers every stream with the next of `answers`, the last again and again, and ends it."""

    daemon_threads = True

    def __init__(self, answers: list[tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[tuple[float, str | None]] = []


class Handler(BaseHTTPRequestHandler):
    """Notes when it was asked, and from which position."""

    server: Gateway

    def do_GET(self) -> None:
        gateway = self.server
        gateway.asked.append((time.monotonic(), self.headers.get("last-event-id")))
        at = min(len(gateway.asked), len(gateway.answers)) - 1
        status, body = gateway.answers[at]
        is_good = status == 200
        self.send_response(status)
        self.send_header("content-type", "text/event-stream" if is_good else "application/json")
        self.send_header("content-length", str(len(body)))
        if status == 503:
            self.send_header("retry-after", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def follow(answers: list[tuple[int, bytes]], seconds: float) -> Iterator[Gateway]:
    """A gateway that a client has followed for `seconds`."""
    gateway = Gateway(answers)
    serving = threading.Thread(target=gateway.serve_forever)
    serving.start()
    client = HorizonClient(f"http://127.0.0.1:{gateway.server_port}")
    seen: list[str | None] = []

    def read() -> None:
        for id_, _ in client.stream("/v3/ledgers", after="3"):
            seen.append(id_)

    threading.Thread(target=read, daemon=True).start()
    try:
        time.sleep(seconds)
        yield gateway
    finally:
        gateway.shutdown()
        serving.join()
        gateway.server_close()


def get_pauses(gateway: Gateway) -> list[float]:
    times = [moment for moment, _ in gateway.asked]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_a_stream_that_ends_at_once_is_resumed_ever_later() -> None:
    """Before, a client came back 140 times a second."""
    with follow([(200, b"retry: 200\n\n: nothing\n\n")], 3.5) as gateway:
        pauses = get_pauses(gateway)
    assert 2 <= len(pauses) <= 4
    assert all(pause >= 0.19 * 2**number for number, pause in enumerate(pauses))


def test_the_pause_is_the_one_that_the_gateway_asks_for() -> None:
    with follow([(200, b"retry: 1000\n\n" + EVENT)], 2.8) as gateway:
        pauses = get_pauses(gateway)
        positions = [position for _, position in gateway.asked]
    assert 1 <= len(pauses) <= 2
    assert all(1.0 <= pause <= 1.8 for pause in pauses)
    assert positions[:2] == ["3", "7"]


def test_a_stream_that_is_refused_for_now_is_asked_for_again() -> None:
    with follow([(503, UNAVAILABLE), (200, b"retry: 60000\n\n" + EVENT)], 2.5) as gateway:
        (pause,) = get_pauses(gateway)
    assert pause >= 1.0


def test_a_stream_that_is_refused_is_an_error() -> None:
    gateway = Gateway([(403, FORBIDDEN)])
    serving = threading.Thread(target=gateway.serve_forever)
    serving.start()
    try:
        with (
            HorizonClient(f"http://127.0.0.1:{gateway.server_port}") as client,
            pytest.raises(ProblemError) as refused,
        ):
            next(client.stream("/v3/ledgers"))
        assert refused.value.kind == "forbidden"
    finally:
        gateway.shutdown()
        serving.join()
        gateway.server_close()


def test_pauses_grow_to_a_bound_and_differ() -> None:
    for failures, least in ((0, 0.5), (1, 1.0), (3, 4.0), (50, 30.0)):
        pauses = [compute_pause(0.5, failures, 30.0) for _ in range(50)]
        assert all(least <= pause <= least * 1.5 for pause in pauses)
        assert len(set(pauses)) > 40
    assert compute_pause(60.0, 0, 30.0) >= 60.0
