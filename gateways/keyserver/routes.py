"""The route table of a KeyServer: the parts, each with its rows at its end."""

from gateways.http.routes import Route
from gateways.http.service import Health
from gateways.http.system import make_system_routes
from gateways.keyserver import info

ROUTES: tuple[Route, ...] = (
    *info.ROUTES,
    *make_system_routes(Health),
)
