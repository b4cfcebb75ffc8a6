"""The composition root of an API gateway. `tokend run` calls `main` with its settings."""

from starlette.types import ASGIApp

from gateways.api.routes import ROUTES
from gateways.api.service import Api
from gateways.api.settings import ApiGatewaySettings
from gateways.http import server
from gateways.http.app import build_app

__all__ = ["ApiGatewaySettings", "main", "make_app"]


def make_app(settings: ApiGatewaySettings) -> ASGIApp:
    return build_app(Api(settings, ROUTES))


def main(settings: ApiGatewaySettings) -> None:
    server.run(Api(settings, ROUTES), settings)
