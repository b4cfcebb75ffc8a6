"""Connections: upgrades that are ignored, too many of one client, both address families."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateways.http.settings import LimitSettings
from tests.gateways.http.conftest import run_notes
from tests.gateways.support import wait_until

SMUGGLED = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/octet-stream\r\n"
UPGRADES = {
    "h2c": b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n",
    "websocket": b"connection: keep-alive, upgrade\r\nupgrade: websocket\r\n",
    "tls": b"upgrade: TLS/1.0\r\nConnection: Upgrade\r\n",
    "two": b"upgrade: h2c\r\nupgrade: websocket\r\nconnection: Upgrade\r\n",
}


def connect(url: str, host: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection((host, int(url.rpartition(":")[2])), timeout=20)


def read_answers(connection: socket.socket, seconds: float = 0.5) -> list[tuple[int, bytes]]:
    """Status and body of every answer, until there is silence."""
    found = b""
    connection.settimeout(seconds)
    with contextlib.suppress(TimeoutError, ConnectionResetError):
        while data := connection.recv(65_536):
            found += data
    answers = []
    while found:
        head, _, rest = found.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        (length,) = (int(x.split(b":")[1]) for x in lines if x.startswith(b"content-length:"))
        answers.append((int(head.split()[1]), rest[:length]))
        found = rest[length:]
    return answers


def read_echo(answers: list[tuple[int, bytes]]) -> Any:
    """Of the one answer."""
    ((status, body),) = answers
    assert status == 200, body
    return json.loads(body)["text"].encode("latin-1")


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
@pytest.mark.parametrize("pause", [0.0, 0.2])
def test_an_upgrade_is_ignored_and_its_body_read(
    storeless: str, upgrade: bytes, pause: float
) -> None:
    """The body may come with the head or late, and may look like a request."""
    with connect(storeless) as connection:
        connection.sendall(POST + upgrade + b"content-length: %d\r\n\r\n" % len(SMUGGLED))
        time.sleep(pause)
        connection.sendall(SMUGGLED)
        assert read_echo(read_answers(connection)) == SMUGGLED
        connection.sendall(SMUGGLED)  # the connection goes on as HTTP/1.1
        ((status, _),) = read_answers(connection)
        assert status == 200


@pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
def test_a_chunked_body_of_an_upgrade_is_read(storeless: str, upgrade: bytes) -> None:
    chunks = b"3\r\nabc\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)
    with connect(storeless) as connection:
        connection.sendall(POST + upgrade + b"transfer-encoding: chunked\r\n\r\n" + chunks)
        assert read_echo(read_answers(connection)) == b"abc" + SMUGGLED


def test_an_upgrade_that_comes_byte_by_byte_between_others(storeless: str) -> None:
    upgrade = POST + UPGRADES["h2c"] + b"content-length: 3\r\n\r\nabc"
    with connect(storeless) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in SMUGGLED + upgrade + SMUGGLED:
            connection.sendall(bytes([byte]))
        answers = read_answers(connection)
        assert [status for status, _ in answers] == [200, 200, 200]
        assert json.loads(answers[1][1]) == {"length": 3, "text": "abc"}
        connection.sendall((upgrade + SMUGGLED) * 3)
        assert [status for status, _ in read_answers(connection)] == [200] * 6


def test_an_upgrade_of_a_get_and_of_http_1_0(storeless: str) -> None:
    for version in (b"1.1", b"1.0"):
        with connect(storeless) as connection:
            head = b"GET /health HTTP/%s\r\nhost: x\r\n%s\r\n" % (version, UPGRADES["websocket"])
            connection.sendall(head)
            assert [status for status, _ in read_answers(connection)] == [200]


def test_connect_is_refused_and_nothing_after_it_is_read(storeless: str) -> None:
    with connect(storeless) as connection:
        connection.sendall(b"CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n" + SMUGGLED)
        assert [status for status, _ in read_answers(connection)] == [405]


def test_javas_own_client(storeless: str) -> None:
    """It asks every server without TLS to upgrade to HTTP/2."""
    java = shutil.which("java")
    assert java is not None, "java is missing: install a JDK"
    source = Path(__file__).with_name("Post.java")
    done = subprocess.run(
        [java, str(source), f"{storeless}/echo", "body"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [line.partition(" ") for line in done.stdout.splitlines()]
    assert [status for status, _, _ in answers] == ["200"] * 3
    assert [json.loads(body)["text"] for _, _, body in answers] == [
        "body" * number for number in (1, 2, 3)
    ]


def get_status(url: str, path: str = "/openapi.json") -> int:
    with httpx2.Client(timeout=10) as client:
        return client.get(f"{url}{path}").status_code


@contextlib.contextmanager
def hold(url: str, count: int, beginning: bytes = b"", host: str = "") -> Iterator[None]:
    """Many connections that send no whole request, from the address `host` of this machine."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            source = (host or "127.0.0.1", 0)
            port = int(url.rpartition(":")[2])
            connection = socket.create_connection(("127.0.0.1", port), 20, source)
            stack.enter_context(connection)
            with contextlib.suppress(OSError):
                connection.sendall(beginning)
        yield


HALVES = {
    "idle": b"",
    "head": b"GET /echo HTTP/1.1\r\n",
    "body": POST + b"content-length: 9\r\n\r\n",
}


@pytest.mark.parametrize("beginning", HALVES.values(), ids=HALVES)
def test_many_connections_of_one_client_disturb_nobody(beginning: bytes) -> None:
    """2,000 of them: the client's own give way, others are answered."""
    with run_notes() as url, hold(url, 2_000, beginning, "127.0.0.2"):
        for _ in range(5):
            assert get_status(url) == 200
            assert get_status(url, "/health") == 200


def test_a_client_may_open_as_many_as_it_closes() -> None:
    limits = LimitSettings(connections_per_client=5)
    with run_notes(limits=limits) as url:
        for _ in range(12):
            with connect(url) as connection:
                connection.sendall(SMUGGLED)
                assert [status for status, _ in read_answers(connection, 0.1)] == [200]


def test_of_too_many_connections_idle_ones_give_way() -> None:
    limits = LimitSettings(connections=20, connections_per_client=15)
    with (
        run_notes(limits=limits) as url,
        hold(url, 15, host="127.0.0.2"),
        hold(url, 15, b"GET /echo", host="127.0.0.3"),
    ):
        assert get_status(url) == 200


def test_health_is_answered_when_all_connections_are_busy() -> None:
    limits = LimitSettings(connections=4, connections_per_client=4)
    with run_notes(limits=limits) as url, contextlib.ExitStack() as stack:
        for number in range(4):
            connection = socket.create_connection(
                ("127.0.0.1", int(url.rpartition(":")[2])), 20, (f"127.0.1.{number + 1}", 0)
            )
            stack.enter_context(connection)
            connection.sendall(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        wait_until(lambda: get_status(url) == 503)
        assert get_status(url, "/health") == 200
        assert get_status(url, "/ready") == 200


def test_a_configured_proxy_may_hold_any_number() -> None:
    limits = LimitSettings(connections=100, connections_per_client=2)
    with run_notes(limits=limits, proxies=("127.0.0.0/8",)) as url, contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connect(url)) for _ in range(12)]
        for connection in opened:
            connection.sendall(SMUGGLED)
        assert all(read_answers(each, 0.1)[0][0] == 200 for each in opened)


def test_all_addresses_are_of_both_families() -> None:
    """`host = "::"`: an IPv4 client is served, and counted as itself."""
    with run_notes(host="::", proxies=("127.0.0.1",)) as url:
        port = url.rpartition(":")[2]
        for host in ("127.0.0.1", "[::1]"):
            assert get_status(f"http://{host}:{port}") == 200
        headers = {"x-forwarded-for": "10.0.0.1"}
        first, second = (
            httpx2.post(f"http://127.0.0.1:{port}/log-in", json={"text": "a"}, headers=headers)
            for _ in range(2)
        )
        assert first.headers["ratelimit"].startswith('"log-in";r=4')
        assert second.headers["ratelimit"].startswith('"log-in";r=3')
        other = httpx2.post(f"http://127.0.0.1:{port}/log-in", json={"text": "b"})
        assert other.headers["ratelimit"].startswith('"log-in";r=4')
