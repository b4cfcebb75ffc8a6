"""The composition root of a KeyServer. `tokend run` calls `main` with its settings."""

from starlette.types import ASGIApp

from gateways.http import server
from gateways.http.app import build_app
from gateways.keyserver.routes import ROUTES
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import KeyServerSettings

__all__ = ["KeyServerSettings", "main", "make_app"]


def make_app(settings: KeyServerSettings) -> ASGIApp:
    """Raises KekError, GenesisError or OSError if a file cannot be used."""
    return build_app(KeyServer(settings, ROUTES))


def main(settings: KeyServerSettings) -> None:
    server.run(KeyServer(settings, ROUTES), settings)
