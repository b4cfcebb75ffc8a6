"""The composition root of a Horizon gateway. `tokend run` calls `main` with its settings."""

from starlette.types import ASGIApp

from gateways.horizon.routes import ROUTES
from gateways.horizon.service import Horizon
from gateways.horizon.settings import HorizonGatewaySettings
from gateways.http import server
from gateways.http.app import build_app

__all__ = ["HorizonGatewaySettings", "main", "make_app"]


def make_app(settings: HorizonGatewaySettings) -> ASGIApp:
    """Raises GenesisError or OSError if a file cannot be used."""
    return build_app(Horizon(settings, ROUTES))


def main(settings: HorizonGatewaySettings) -> None:
    server.run(Horizon(settings, ROUTES), settings)
