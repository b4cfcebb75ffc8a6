"""The route table of an API gateway: the resources, each with its rows at its end."""

from gateways.api import (
    accesses,
    blob_types,
    blobs,
    callbacks,
    cases,
    documents,
    erasures,
    export,
    forms,
    info,
    invitations,
    links,
    notificator,
    payout_accounts,
    phones,
    preferences,
    registrations,
    submissions,
    uploads,
    users,
)
from gateways.http.routes import Route
from gateways.http.system import make_system_routes
from gateways.sealing.service import SealedHealth

ROUTES: tuple[Route, ...] = (
    *info.ROUTES,
    *registrations.ROUTES,
    *links.ROUTES,
    *phones.ROUTES,
    *payout_accounts.ROUTES,
    *accesses.ROUTES,
    *blob_types.ROUTES,
    *blobs.ROUTES,
    *uploads.ROUTES,
    *users.ROUTES,
    *invitations.ROUTES,
    *preferences.ROUTES,
    *notificator.ROUTES,
    *export.ROUTES,
    *forms.ROUTES,
    *documents.ROUTES,
    *submissions.ROUTES,
    *cases.ROUTES,
    *callbacks.ROUTES,
    *erasures.ROUTES,
    *make_system_routes(SealedHealth),
)
