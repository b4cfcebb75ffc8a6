"""The composition root of a Horizon gateway: settings in, a process that serves until told to end.

`tokend run` loads HorizonGatewaySettings and calls `main` with them.
"""

from starlette.types import ASGIApp

from gateways.horizon.routes import ROUTES
from gateways.horizon.service import Horizon
from gateways.horizon.settings import HorizonGatewaySettings
from gateways.http.app import build_app
from gateways.http.server import configure_logs, make_config, serve

__all__ = ["HorizonGatewaySettings", "main", "make_app"]


def make_app(settings: HorizonGatewaySettings) -> ASGIApp:
    """Raises GenesisError or OSError where files cannot be used."""
    horizon = Horizon(settings, ROUTES)
    public_url = settings.public_url.rstrip("/")
    return build_app(
        ROUTES,
        horizon,
        horizon.metrics,
        public_url,
        horizon.run,
        horizon.rates,
        settings.limits,
        settings.cors,
    )


def main(settings: HorizonGatewaySettings) -> None:
    configure_logs()
    app = make_app(settings)
    serve(make_config(app, settings.host, settings.port, settings.limits, settings.proxies))
