"""Proxies and certificates of the environment are for outside addresses alone."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from gateways.client.asynchronous.horizon import AsyncHorizonClient
from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from gateways.client.proxies import is_outside


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", False),
        ("http://127.9.9.9", False),
        ("http://[::1]:8000", False),
        ("http://[::ffff:127.0.0.1]:8000", False),
        ("https://localhost", False),
        ("https://LOCALHOST.:1", False),
        ("https://a.localhost:1", False),
        ("https://horizon.example", True),
        ("http://10.0.0.1:8000", True),
        ("http://[2001:db8::1]", True),
        ("https://localhost.example", True),
    ],
)
def test_what_is_outside(url: str, expected: bool) -> None:
    assert is_outside(url) is expected


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


@pytest.fixture
def gateway() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("http_proxy", "http://127.0.0.1:9"),
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ],
)
def test_the_environment_does_not_come_between(
    gateway: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with HorizonClient(gateway) as client:
        assert client.get("/") == {}


@pytest.mark.parametrize("client", [HorizonClient, AsyncHorizonClient])
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("https_proxy", "gopher://127.0.0.1:9"),
        ("HTTPS_PROXY", "http://127.0.0.1:port"),
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_FILE", __file__),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, client: type, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ClientError) as refused:
        client("https://horizon.example")
    assert variable in str(refused.value)
    assert "\n" not in str(refused.value)
