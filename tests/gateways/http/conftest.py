"""A small gateway made with the kit, for the tests of a module."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from gateways.http.app import build_app
from gateways.http.settings import CorsSettings, GatewaySettings
from infra.local.ports import choose_port
from schemas.settings import DatabaseSettings, Secret
from tests.gateways.http.notes import Notes
from tests.gateways.support import serve
from tests.support.network import get_public_key

ORIGIN = "https://app.example"
NOWHERE = "postgresql://nobody@127.0.0.1:1/x"


def make_settings(store_url: str = NOWHERE, port: int = 1, **changes: Any) -> GatewaySettings:
    settings: dict[str, Any] = {
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "store": DatabaseSettings(url=Secret(store_url)),
        "cors": CorsSettings(origins=(ORIGIN,)),
        **changes,
    }
    return GatewaySettings(**settings)


@contextlib.contextmanager
def run_notes(store_url: str = NOWHERE, **changes: Any) -> Iterator[str]:
    """The URL of a running gateway whose notes Alice owns."""
    port = choose_port([])
    settings = make_settings(store_url, port, **changes)
    app = build_app(Notes(settings, get_public_key("alice")))
    with serve(app, port, settings.limits, settings.proxies, settings.host) as url:
        yield url


@pytest.fixture(scope="module")
def storeless() -> Iterator[str]:
    """The URL of a gateway without a store: it serves what is public."""
    with run_notes() as url:
        yield url
