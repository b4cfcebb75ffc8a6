"""Webhooks go to the public Internet and nowhere else, whatever a URL or a name server says."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from processors.notificator.channels.base import Verdict
from processors.notificator.config import WebhookSettings
from processors.notificator.targets import (
    Allowance,
    Target,
    TargetRefused,
    choose_address,
    parse_target,
)
from processors.notificator.webhooks import WebhookSender, make_secret
from tests.support.sandbox import Mood, Sandbox

PRIVATE = (
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1"),  # noqa: S104
    *("172.16.0.1",),
    *("172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255"),
    *("192.0.0.1", "192.0.2.1", "192.88.99.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::1", "2001:0:4136:e378::80ff:fffe"),
    *("fe80::1", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "3fff::1"),
    *("5f00::1", "100::1", "2606:4700::5efe:7f00:1", "2606:4700::200:5efe:a00:1"),
)
WRONG_URLS = (
    *("http://example.org/", "ftp://example.org/", "file:///etc/passwd", "gopher://x.org/"),
    *("https://user@example.org/", "https://a:b@example.org/", "https://example.org/#x"),
    *("https://2130706433/", "https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/"),
    *("https://127.0.0.1.1/", "https://0/", "https://[::1%25lo]/", "https:///x", "https://"),
    *("https://exa mple.org/", "https://example.org\\@127.0.0.1/", "https://ex\u0430mple.org/"),
    *("https://example.org:99999/", "https://example.org:x/", "https://a\r\nhost: b/", "//x/"),
    *("https://-a.example/", "https://a..example/", "https://①②⑦.0.0.1/", "javascript:alert(1)"),
    "https://example.org/" + "a" * 2_000,
)


def test_there_are_enough_vectors() -> None:
    assert len(PRIVATE) + len(WRONG_URLS) >= 60


@pytest.fixture
def counted() -> Iterator[tuple[int, list[str]]]:
    """A port of this machine on which every connection is counted."""
    seen: list[str] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0.05)
        is_over = threading.Event()

        def count() -> None:
            while not is_over.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                seen.append(str(address))
                connection.close()

        thread = threading.Thread(target=count)
        thread.start()
        yield server.getsockname()[1], seen
        is_over.set()
        thread.join()


def post(url: str, addresses: list[str], settings: WebhookSettings | None = None) -> Verdict:
    """With a name server that says what it likes."""
    (verdict,) = post_all([(url, addresses)], settings)
    return verdict


def post_all(
    calls: list[tuple[str, list[str]]], settings: WebhookSettings | None = None
) -> list[Verdict]:
    """One after the other, by one sender."""
    answers: list[str] = []

    async def resolve(_: Target) -> list[str]:
        return answers

    async def run() -> list[Verdict]:
        sender = WebhookSender(settings or WebhookSettings(timeout_s=3), resolve)
        verdicts = []
        try:
            for url, addresses in calls:
                answers[:] = addresses
                verdicts.append((await sender.post(url, make_secret(), "id", b"{}")).verdict)
        finally:
            await sender.close()
        return verdicts

    return asyncio.run(run())


def test_no_private_address_is_connected_to(counted: tuple[int, list[str]]) -> None:
    port, seen = counted
    calls = []
    for address in PRIVATE:
        host = f"[{address}]" if ":" in address else address
        for url in (f"https://{host}:{port}/", f"https://innocent.example:{port}/"):
            calls += [(url, [address]), (url, ["93.184.216.34", address])]
    verdicts = zip(calls, post_all(calls), strict=True)
    assert [call for call, verdict in verdicts if verdict is not Verdict.REFUSED] == []
    assert seen == []


@pytest.mark.parametrize("url", WRONG_URLS)
def test_a_wrong_url_is_refused(url: str, counted: tuple[int, list[str]]) -> None:
    assert post(url, ["127.0.0.1"]) is Verdict.REFUSED
    with pytest.raises(TargetRefused):
        choose_address(parse_target(url), ["93.184.216.34"], Allowance())
    assert counted[1] == []


def test_public_addresses_and_allowed_ones_pass() -> None:
    target = parse_target("https://example.org/hook?a=b")
    assert target == Target("https", "example.org", 443, "/hook?a=b")
    for address in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"):
        assert choose_address(target, [address], Allowance()) == address
    allowed = Allowance.read(["127.0.0.1:9000", "10.1.0.0/16"])
    local = parse_target("http://localhost:9000/")
    assert choose_address(local, ["127.0.0.1"], allowed) == "127.0.0.1"
    assert choose_address(local, ["10.1.2.3"], allowed) == "10.1.2.3"
    for url, address in (
        ("http://localhost:9001/", "127.0.0.1"),
        ("http://x.example:9000/", "10.2.0.1"),
        ("http://x.example/", "93.184.216.34"),
    ):
        with pytest.raises(TargetRefused):
            choose_address(parse_target(url), [address], allowed)


def test_the_name_is_asked_once_and_what_was_judged_is_connected_to(sandbox: Sandbox) -> None:
    """Otherwise a name server could say one thing to the judge and another to the connection."""
    port = int(sandbox.url.rpartition(":")[2])
    asked: list[str] = []

    async def resolve(target: Target) -> list[str]:
        asked.append(target.host)
        return ["127.0.0.1"]

    async def run() -> Verdict:
        sender = WebhookSender(WebhookSettings(allowed=(f"127.0.0.1:{port}",)), resolve)
        url = f"http://rebinding.example:{port}/hook"
        outcome = await sender.post(url, make_secret(), "id", b"{}")
        await sender.close()
        return outcome.verdict

    assert asyncio.run(run()) is Verdict.ACCEPTED
    assert asked == ["rebinding.example"]
    assert sandbox.letters[-1].headers["host"] == f"rebinding.example:{port}"


def test_redirects_are_failures(sandbox: Sandbox) -> None:
    port = int(sandbox.url.rpartition(":")[2])
    settings = WebhookSettings(allowed=(f"127.0.0.1:{port}",))
    sandbox.moods["webhook"] = [Mood.REDIRECTING]
    assert post(f"http://x.example:{port}/hook", ["127.0.0.1"], settings) is Verdict.UNAVAILABLE
    assert sandbox.calls["webhook"] >= 1
    assert len(sandbox.letters) == 0


def test_an_endless_answer_ends() -> None:
    """And one that trickles in: bounded in size and in time."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]

        def answer(chunk: bytes, pause_s: float) -> None:
            connection, _ = server.accept()
            connection.recv(65_536)
            head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
            event = threading.Event()
            try:
                connection.sendall(head)
                for _ in range(10_000):
                    connection.sendall(chunk)
                    event.wait(pause_s)
            except OSError:
                connection.close()

        settings = WebhookSettings(allowed=(f"127.0.0.1:{port}",), timeout_s=1)
        for chunk, pause_s, verdict in (
            (b"x" * 65_536, 0.0, Verdict.ACCEPTED),
            (b"x", 0.05, Verdict.UNKNOWN),
        ):
            thread = threading.Thread(target=answer, args=(chunk, pause_s))
            thread.start()
            assert post(f"http://x.example:{port}/", ["127.0.0.1"], settings) is verdict
            thread.join(20)
            assert not thread.is_alive()


def test_nothing_is_said_before_tls() -> None:
    """A server that does not show a certificate for the name gets no byte of the webhook."""
    heard: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            connection, _ = server.accept()
            heard.append(connection.recv(65_536))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        settings = WebhookSettings(allowed=(f"127.0.0.1:{port}",), timeout_s=3)
        verdict = post(f"https://x.example:{port}/hook", ["127.0.0.1"], settings)
        thread.join(20)
    assert verdict in (Verdict.UNAVAILABLE, Verdict.UNKNOWN)
    assert b"x.example" in heard[0]  # the name, in TLS
    assert b"webhook" not in heard[0]
