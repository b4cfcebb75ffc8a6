"""The route table of a Horizon gateway: the resources, each with its rows at its end."""

from gateways.horizon import (
    access_proofs,
    account_money,
    accounts,
    assets,
    balances,
    commands,
    entries,
    history,
    info,
    key_values,
    ledgers,
    movements,
    operations,
    proofs,
    rates,
    requests,
    simulation,
    statements,
    submission,
    transactions,
    transfers,
)
from gateways.horizon.health import ViewHealth
from gateways.http.routes import Route
from gateways.http.system import make_system_routes

ROUTES: tuple[Route, ...] = (
    *info.ROUTES,
    *submission.ROUTES,
    *simulation.ROUTES,
    *commands.ROUTES,
    *transactions.ROUTES,
    *ledgers.ROUTES,
    *operations.ROUTES,
    *accounts.ROUTES,
    *account_money.ROUTES,
    *balances.ROUTES,
    *statements.ROUTES,
    *proofs.ROUTES,
    *access_proofs.ROUTES,
    *assets.ROUTES,
    *history.ROUTES,
    *movements.ROUTES,
    *key_values.ROUTES,
    *requests.ROUTES,
    *transfers.ROUTES,
    *rates.ROUTES,
    *entries.ROUTES,
    *make_system_routes(ViewHealth),
)
