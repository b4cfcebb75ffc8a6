"""The composition root of a KeyChain. `tokend run` calls `main` with its settings."""

from contextlib import suppress

from starlette.types import ASGIApp

from gateways.http import server
from gateways.http.app import build_app
from gateways.keychain.apart import NotKnown, find_shared
from gateways.keychain.routes import ROUTES
from gateways.keychain.service import KeyChain
from gateways.keychain.settings import KeyChainSettings
from schemas.settings import ConfigError

__all__ = ["KeyChainSettings", "main", "make_app"]


def make_app(settings: KeyChainSettings) -> ASGIApp:
    """Raises KekError, GenesisError or OSError if a file cannot be used."""
    return build_app(KeyChain(settings, ROUTES))


def main(settings: KeyChainSettings) -> None:
    """Raises ConfigError if it shares with API what it must not."""
    with suppress(NotKnown):  # it asks again, and gives nothing until it knows
        shared = find_shared(settings)
        if shared is not None:
            raise ConfigError(shared)
    server.run(KeyChain(settings, ROUTES), settings)
