"""The route table of a KeyServer: the parts, each with its rows at its end."""

from gateways.http.routes import Route
from gateways.http.system import make_system_routes
from gateways.keyserver import (
    changes,
    devices,
    email_changes,
    erasures,
    info,
    page,
    second_factor,
    signups,
    statements,
    unlock,
)
from gateways.sealing.service import SealedHealth

ROUTES: tuple[Route, ...] = (
    *info.ROUTES,
    *signups.ROUTES,
    *statements.ROUTES,
    *unlock.ROUTES,
    *second_factor.ROUTES,
    *devices.ROUTES,
    *changes.ROUTES,
    *email_changes.ROUTES,
    *erasures.ROUTES,
    *page.ROUTES,
    *make_system_routes(SealedHealth),
)
