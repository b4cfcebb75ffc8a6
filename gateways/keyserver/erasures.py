"""Erases the wallets of an account, for those whom the settings name: API, when its owner asks.

A wallet is a key that only its owner can open; without it the owner keeps what is written down.
"""

from starlette.responses import Response

from gateways.http.parameter_types import ACCOUNT_ID
from gateways.http.problems import BAD_REQUEST, FORBIDDEN, Problem
from gateways.http.routes import UNCACHED, Call, Parameter, Route
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import ENTRIES
from schemas.strkey import encode_account_id

ACCOUNT = Parameter("account", ACCOUNT_ID, "An account, G...")
SIGNUPS = (
    "delete from keyserver.signups where account = %(account)s or email_lookup in"
    " (select email_lookup from keyserver.wallets where account = %(account)s)"
)
WALLETS = "delete from keyserver.wallets where account = %(account)s"


async def guard_erasers(call: Call) -> None:
    keyserver: KeyServer = call.service
    if call.signer is None or encode_account_id(call.signer) not in keyserver.settings.erasers:
        raise Problem(FORBIDDEN, "the key that signed is none of the settings' `erasers`")


async def erase(call: Call) -> Response:
    """With their devices, second factors, changes and history; whether there are any or not."""
    keyserver: KeyServer = call.service
    values = {"account": call.path[ACCOUNT.name]}
    async with keyserver.store.transact() as transaction:
        for statement in (SIGNUPS, WALLETS):
            await transaction.execute(statement, values)
    return Response(status_code=204)


ROUTES = (
    Route(
        "/v1/accounts/{account}/wallets",
        "DELETE",
        erase,
        "Erase the wallets of an account, for a service that may.",
        guard_erasers,
        rate_class=ENTRIES,
        path_parameters=(ACCOUNT,),
        statuses=(204,),
        problems=(BAD_REQUEST, FORBIDDEN),
        tag="system",
        cache_control=UNCACHED,
    ),
)
