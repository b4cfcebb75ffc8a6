"""Limits: how often one client may send requests, and how long anything may take."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateways.horizon.settings import HorizonLimits
from gateways.http.settings import CorsSettings
from schemas.settings import ConfigError, load_config
from tests.gateways.horizon.test_submission import AVRO, make_envelope
from tests.gateways.support import MANY, Gateway, run_gateway, wait_until
from tests.support.servers import Servers

READS, SUBMISSIONS, WINDOW = 12, 3, 99_999  # no test sees the end of such a window
RECEIVE_SECONDS, ANSWER_SECONDS = 1.0, 3.0
ORIGIN = "https://app.example"
STREAM = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def strict(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway behind a proxy on this machine, which names the client."""
    limits = HorizonLimits(
        reads=f"{READS}/{WINDOW} seconds",
        submissions=f"{SUBMISSIONS}/{WINDOW} seconds",
    )
    with run_gateway(
        servers,
        tmp_path_factory.mktemp("strict"),
        limits=limits,
        cors=CorsSettings(origins=(ORIGIN,)),
        proxies=("127.0.0.1",),
        streams_per_client_max=2,
        streams_max=5,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def hasty(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with short time limits."""
    limits = HorizonLimits(
        reads=MANY,
        submissions=MANY,
        receive_seconds=RECEIVE_SECONDS,
        answer_seconds=ANSWER_SECONDS,
    )
    folder = tmp_path_factory.mktemp("hasty")
    with run_gateway(servers, folder, limits=limits, result_seconds_max=60) as running:
        yield running


def as_client(address: str, **more: str) -> dict[str, str]:
    return {"x-forwarded-for": address, **more}


def test_reads_are_counted_by_client(strict: Gateway) -> None:
    for number in range(READS):
        response = strict.stranger.get("/v3/assets", headers=as_client("10.0.0.1"))
        assert response.status_code == 200
        assert f"r={READS - 1 - number};" in response.headers["ratelimit"]
    refused = strict.stranger.get("/v3/assets", headers=as_client("10.0.0.1"))
    assert refused.status_code == 429
    assert refused.json()["type"].endswith("#problem-rate-limited")
    assert 0 < int(refused.headers["retry-after"]) <= WINDOW
    assert refused.headers["ratelimit-policy"] == f'"reads";q={READS};w={WINDOW}'
    assert refused.headers["ratelimit"].startswith('"reads";r=0;t=')
    for path in ("/health", "/ready"):
        assert strict.stranger.get(path, headers=as_client("10.0.0.1")).status_code == 200
    other = strict.stranger.get("/v3/assets", headers=as_client("10.0.0.2"))
    assert other.status_code == 200


def test_submissions_are_counted_apart(strict: Gateway) -> None:
    headers = as_client("10.0.0.3", **AVRO)
    statuses = [
        strict.stranger.post("/v3/transactions", content=b"", headers=headers).status_code
        for _ in range(SUBMISSIONS + 1)
    ]
    assert statuses == [400] * SUBMISSIONS + [429]
    assert strict.stranger.get("/v3/assets", headers=headers).status_code == 200


def test_nobody_is_trusted_as_a_proxy_by_default(gateway: Gateway) -> None:
    """Without proxies in the settings, the header may come from anybody."""
    left = [
        gateway.stranger.get("/v3/assets", headers=as_client(address)).headers["ratelimit"]
        for address in ("10.0.0.1", "10.0.0.2")
    ]
    remaining = [int(each.split(";")[1].removeprefix("r=")) for each in left]
    assert remaining[1] == remaining[0] - 1


def test_invalid_limits_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    for line in ('reads = "many"', 'reads = "0/1 seconds"', "answer_seconds = 0", "reads = 5"):
        file.write_text(line + "\n")
        with pytest.raises(ConfigError, match=line.partition(" ")[0]):
            load_config(HorizonLimits, file, {})


def connect(gateway: Gateway) -> socket.socket:
    host, _, port = gateway.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def read_to_end(connection: socket.socket) -> bytes:
    found = b""
    try:
        while data := connection.recv(65_536):
            found += data
    except (ConnectionResetError, TimeoutError):
        return found
    return found


HEAD = b"POST /v3/transactions HTTP/1.1\r\nhost: x\r\ncontent-type: application/avro\r\n"


@pytest.mark.parametrize(
    "beginning",
    [b"", b"GET /v3/led", HEAD, HEAD + b"content-length: 500\r\n\r\nabc"],
    ids=["nothing", "a line", "a head", "a body"],
)
def test_an_incomplete_request_times_out(hasty: Gateway, beginning: bytes) -> None:
    with connect(hasty) as connection:
        started = time.monotonic()
        connection.sendall(beginning)
        answer = read_to_end(connection)
    assert time.monotonic() - started >= RECEIVE_SECONDS / 2
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408")


def test_a_dripping_request_times_out(hasty: Gateway) -> None:
    """A byte now and then does not extend the deadline."""
    ended = threading.Event()
    with connect(hasty) as connection:

        def drip() -> None:
            while not ended.is_set():
                try:
                    connection.sendall(b"x")
                except OSError:
                    return
                time.sleep(RECEIVE_SECONDS / 10)

        connection.sendall(b"GET /v3/ledgers HTTP/1.1\r\nx-long: ")
        dripping = threading.Thread(target=drip)
        dripping.start()
        answer = read_to_end(connection)
        ended.set()
        dripping.join()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408")


def test_an_endless_head_is_refused(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        try:
            connection.sendall(b"GET /v3/ledgers HTTP/1.1\r\n")
            for number in range(100):
                connection.sendall(b"x-%d: " % number + b"a" * 10_000 + b"\r\n")
        except OSError:
            return
        assert read_to_end(connection).startswith((b"HTTP/1.1 431", b""))


def test_a_slow_answer_is_cut_off(hasty: Gateway) -> None:
    envelope = make_envelope(hasty)
    response = hasty.stranger.post(
        "/v3/transactions", params={"wait": "result"}, content=envelope, headers=AVRO
    )
    assert response.status_code == 503
    assert response.json()["type"].endswith("#problem-too-slow")


def test_a_client_that_does_not_read_is_cut_off(hasty: Gateway) -> None:
    """It requests many answers and reads none: the connection is closed with all that it held."""
    asked = 1_000
    with connect(hasty) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n" * asked)
        wait_until(lambda: not is_established(connection), 60)
        answers = read_to_end(connection)
    assert 0 < answers.count(b"HTTP/1.1 200") < asked


def is_established(connection: socket.socket) -> bool:
    """Of the other end of a connection within this machine (proc(5), /proc/net/tcp)."""
    ends = [f":{each[1]:04X}" for each in (connection.getpeername(), connection.getsockname())]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        if local.endswith(ends[0]) and remote.endswith(ends[1]):
            return state == "01"
    return False


def test_a_stream_does_not_time_out(hasty: Gateway) -> None:
    with hasty.stranger.stream("GET", "/v3/ledgers", headers=STREAM) as response:
        lines = response.iter_lines()
        assert next(lines).startswith("id: ")
        time.sleep(ANSWER_SECONDS + 0.5)
        hasty.world.close()
        assert any(line.startswith("event: ledgers") for line in lines)


def test_streams_are_bounded_by_client_and_in_all(strict: Gateway) -> None:
    from contextlib import ExitStack

    def open_stream(stack: ExitStack, address: str) -> int:
        headers = as_client(address, **STREAM)
        response = stack.enter_context(
            strict.stranger.stream("GET", "/v3/ledgers", headers=headers)
        )
        return int(response.status_code)

    with ExitStack() as stack:
        addresses = ["10.0.1.1"] * 3 + ["10.0.1.2"] * 3 + ["10.0.1.3"] * 2
        statuses = [open_stream(stack, address) for address in addresses]
        assert statuses == [200, 200, 429, 200, 200, 429, 200, 429]
    wait_until(lambda: _get_open(strict) == 0)
    with ExitStack() as stack:
        assert open_stream(stack, "10.0.1.1") == 200


def _get_open(gateway: Gateway) -> float:
    text = gateway.stranger.get("/metrics", headers=as_client(f"10.9.{time.time_ns()}.1")).text
    (value,) = [each for each in text.splitlines() if each.startswith("tokend_gateway_streams ")]
    return float(value.split()[1])


def test_pages_of_other_origins(strict: Gateway, gateway: Gateway) -> None:
    asking = {"origin": ORIGIN, "access-control-request-method": "GET"}
    wanted = {**asking, "access-control-request-headers": "signature,signature-input"}
    allowed = strict.stranger.options("/v3/history", headers=wanted)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    refused = strict.stranger.options("/v3/history", headers={**wanted, "origin": "https://x.y"})
    assert "access-control-allow-origin" not in refused.headers
    answer: Any = strict.stranger.get("/v3/history", headers=as_client("10.0.0.6", origin=ORIGIN))
    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "accept-signature" in answer.headers["access-control-expose-headers"]
    off = gateway.stranger.get("/v3/assets", headers={"origin": ORIGIN})
    assert not [name for name in off.headers if name.startswith("access-control")]
    assert gateway.stranger.options("/v3/assets", headers=wanted).status_code == 405


def test_connections_are_kept_and_pipelined(gateway: Gateway) -> None:
    with connect(gateway) as connection:
        request = b"GET /ready HTTP/1.1\r\nhost: x\r\n\r\n"
        connection.sendall(request * 3 + request[:10])
        found = b""
        while found.count(b'"status"') < 3:
            found += connection.recv(65_536)
        connection.sendall(request[10:])
        while found.count(b'"status"') < 4:
            found += connection.recv(65_536)
    assert found.count(b"HTTP/1.1 200") == 4


def test_a_body_without_a_length_is_bounded_too(gateway: Gateway) -> None:
    """A chunked body has no length to be judged by: it is counted as it comes."""

    def chunks() -> Iterator[bytes]:
        for _ in range(200):
            yield b"a" * 10_000

    try:
        response = gateway.stranger.post("/v3/transactions", content=chunks(), headers=AVRO)
    except httpx2.TransportError:
        return
    assert response.status_code == 413
