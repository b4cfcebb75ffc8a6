"""The route table of a KeyChain: the resources, each with its rows at its end."""

from gateways.http.routes import Route
from gateways.http.system import make_system_routes
from gateways.keychain import desk, info, keys
from gateways.sealing.service import SealedHealth

ROUTES: tuple[Route, ...] = (
    *info.ROUTES,
    *keys.ROUTES,
    *desk.ROUTES,
    *make_system_routes(SealedHealth),
)
