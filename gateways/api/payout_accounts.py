"""Payout accounts: bank accounts that withdrawals go to, with their holders' names.

A withdrawal names one by a salted hash, so the ledger tells nobody where money goes. What it is of
is sealed here, and released by the private port to who pays it out (`payout_releases`).
"""

from collections.abc import Sequence
from secrets import token_bytes
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, get_account, get_signer, guard_owner
from gateways.api.answers import Meta, respond_all, respond_one, show_time
from gateways.api.audit import note
from gateways.api.payout_releases import make_name, open_details
from gateways.api.problems import LEDGER_UNAVAILABLE, QUOTA_EXCEEDED
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.parameter_types import HASH
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Parameter, Route
from schemas.codec import encode
from schemas.generated.common import BankAccount, Hash, PayoutDetails
from schemas.payout_accounts import compute_account_hash
from streams.ledger.destinations import is_destination

JSON = "application/json"
BODY_BYTES_MAX = 4 * 1024
SALT_BYTES, HOLDER_BYTES_MAX = 32, 70
HASH_PARAMETER = Parameter("hash", HASH, "The hash of a payout account, hexadecimal.")
LOCK = "select pg_advisory_xact_lock(hashtextextended(encode(%s, 'hex'), 4206))"
COUNT = "select count(*) from api.payout_accounts where account_id = %s"
INSERT = (
    "insert into api.payout_accounts (account_hash, account_id, signer, sealed)"
    " values (%s, %s, %s, %s) returning account_hash, signer, sealed, created_at"
)
LIST = (
    "select account_hash, signer, sealed, created_at from api.payout_accounts"
    " where account_id = %s order by created_at, account_hash"
)
REMOVE = "delete from api.payout_accounts where account_id = %s and account_hash = %s returning 1"


class PayoutAccountRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`iban` with or without spaces; `bic`: empty, the IBAN says it; `holder`: as the bank knows
    the account's holder."""

    iban: Annotated[str, msgspec.Meta(max_length=64)]
    holder: Annotated[str, msgspec.Meta(min_length=1, max_length=HOLDER_BYTES_MAX)]
    bic: Annotated[str, msgspec.Meta(max_length=11)] = ""


class PayoutAccountAttributes(msgspec.Struct, frozen=True):
    """The id is the hash that a withdrawal names; `salt`, hexadecimal, lets you compute it."""

    iban: str
    bic: str
    holder: str
    salt: str
    created_at: str


async def register(call: Call) -> Response:
    """The same account again gets another salt, and so another hash."""
    api: Api = call.service
    details = _make_details(await read_body(call))
    account_id, hashed = get_account(call), compute_account_hash(details)
    sealed = api.keks.wrap(encode(details), make_name(hashed))
    async with api.store.transact() as transaction:
        await transaction.execute(LOCK, (account_id,))
        ((count,),) = await transaction.execute(COUNT, (account_id,))
        if count >= api.settings.quotas.payout_accounts:
            detail = f"an account has at most {api.settings.quotas.payout_accounts} payout accounts"
            raise Problem(QUOTA_EXCEEDED, detail)
        values = (hashed, account_id, get_signer(call), sealed)
        (row,) = await transaction.execute(INSERT, values)
    return respond_one(call, render(api, row))


async def list_accounts(call: Call) -> Response:
    """All of the account's; what another signer registered is noted as seen."""
    api: Api = call.service
    rows = await api.store.execute(LIST, (get_account(call),))
    others = {row[1] for row in rows if row[1] != get_signer(call)}
    if others:
        seen = [(get_account(call), each) for each in sorted(others)]
        await note(api.store, call, "payout-accounts", seen)
    return respond_all(call, [render(api, row) for row in rows])


async def remove(call: Call) -> Response:
    """A withdrawal that still waits to be paid there waits for people then."""
    api: Api = call.service
    own = (get_account(call), call.path[HASH_PARAMETER.name])
    if not await api.store.execute(REMOVE, own):
        raise Problem(NOT_FOUND, "there is no such payout account")
    return Response(status_code=204)


def render(api: Api, row: Sequence[Any]) -> Resource[PayoutAccountAttributes]:
    hashed, _, sealed, created_at = row
    details = open_details(api.keks, hashed, sealed)
    attributes = PayoutAccountAttributes(
        details.iban, details.bic, details.holder, details.salt.hex(), show_time(created_at)
    )
    return Resource("payout-accounts", hashed.hex(), attributes)


def _make_details(given: PayoutAccountRequest) -> PayoutDetails:
    iban, bic = "".join(given.iban.upper().split()), given.bic.upper()
    if not is_destination(BankAccount(iban, bic)):
        detail = "expected an IBAN with a true checksum, and a BIC of 8 or 11 characters or none"
        raise Problem(BAD_REQUEST, detail)
    holder = " ".join(given.holder.split())
    if not holder or not holder.isprintable() or len(holder.encode()) > HOLDER_BYTES_MAX:
        detail = f"expected a holder's name that can be printed, of {HOLDER_BYTES_MAX} bytes"
        raise Problem(BAD_REQUEST, detail)
    return PayoutDetails(Hash(token_bytes(SALT_BYTES)), iban, bic, holder)


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE)

ROUTES = (
    Route(
        "/v1/accounts/{account}/payout-accounts",
        "POST",
        register,
        "Register a bank account that withdrawals may go to; the id is what they name.",
        guard_owner,
        rate_class=WRITES,
        response=Document[PayoutAccountAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: PayoutAccountRequest},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE, QUOTA_EXCEEDED),
        tag="payout accounts",
    ),
    Route(
        "/v1/accounts/{account}/payout-accounts",
        "GET",
        list_accounts,
        "The bank accounts that the account's withdrawals may go to, oldest first.",
        guard_owner,
        response=Listing[PayoutAccountAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="payout accounts",
    ),
    Route(
        "/v1/accounts/{account}/payout-accounts/{hash}",
        "DELETE",
        remove,
        "Forget a bank account.",
        guard_owner,
        rate_class=WRITES,
        path_parameters=(ACCOUNT, HASH_PARAMETER),
        statuses=(204,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="payout accounts",
    ),
)
