"""The composition root of a KeyServer. `tokend run` calls `main` with its settings."""

import os

from starlette.types import ASGIApp

from gateways.http import server
from gateways.http.app import build_app
from gateways.keyserver.routes import ROUTES
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import KeyServerSettings
from gateways.keyserver.settling import settle_all
from streams.kill_points import kill_points

SETTLE_SECONDS = 1.0

__all__ = ["KeyServerSettings", "main", "make_app"]


def make_app(settings: KeyServerSettings) -> ASGIApp:
    """Raises KekError, GenesisError or OSError if a file cannot be used."""
    return build_app(_make(settings))


def main(settings: KeyServerSettings) -> None:
    kill_points.arm(os.environ)
    server.run(_make(settings), settings)


def _make(settings: KeyServerSettings) -> KeyServer:
    keyserver = KeyServer(settings, ROUTES)
    keyserver.background.add("settle-changes", lambda: settle_all(keyserver), SETTLE_SECONDS)
    return keyserver
