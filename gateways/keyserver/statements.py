"""Statements about a wallet as it is now: whose key it has, and whether its second factor is on.

The API wants one when a key or an address has changed, and from whoever accepts an invitation.
"""

from starlette.responses import Response

from gateways.http.jsonapi import Document
from gateways.http.problems import NOT_FOUND, Problem
from gateways.http.routes import UNCACHED, Call, Route
from gateways.keyserver.answers import Meta, answer
from gateways.keyserver.entry import guard_signed
from gateways.keyserver.names import name_email
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import ENTRIES
from gateways.keyserver.signups import StatementAttributes
from gateways.keyserver.wallets import vouch
from schemas.generated.common import PublicKey
from schemas.strkey import encode_account_id

FIND = (
    "select id, email_lookup, email, account, totp_secret is not null from keyserver.wallets"
    " where signer = %s"
)


async def make_statement(call: Call) -> Response:
    """For the wallet's own key."""
    keyserver: KeyServer = call.service
    signer = call.signer or b""
    rows = await keyserver.store.execute(FIND, (signer,))
    if not rows:
        raise Problem(NOT_FOUND, "the key that signed is no wallet's")
    ((id_, lookup, wrapped, account, has_second_factor),) = rows[:1]
    email = keyserver.keks.unwrap(wrapped, name_email(lookup)).decode()
    vouched = vouch(keyserver, email, account, signer, has_second_factor=has_second_factor)
    shown = encode_account_id(PublicKey(account))
    return answer(call, "statements", str(id_), StatementAttributes(shown, *vouched))


ROUTES = (
    Route(
        "/v1/statements",
        "POST",
        make_statement,
        "A new statement about the wallet whose key signs.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[StatementAttributes, Meta],
        problems=(NOT_FOUND,),
        tag="sign-up",
        cache_control=UNCACHED,
    ),
)
