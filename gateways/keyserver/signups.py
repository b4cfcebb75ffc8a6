"""Sign-up: several may wait for one address, and the first that is confirmed wins.

A sign-up is confirmed by the mailed code and the wallet's key together: who reads the mail cannot
confirm another's sign-up, and who signs up cannot confirm without reading the mail. Never by GET,
because mail scanners follow links. An address that has a wallet gets the same answer, and its owner
a notice.
"""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import msgspec
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document
from gateways.http.problems import BAD_REQUEST, TOO_MANY_TRIES, Problem
from gateways.http.routes import UNCACHED, Call, Route
from gateways.keyserver import messages
from gateways.keyserver.answers import (
    JSON,
    Address,
    Body,
    Box,
    KeyText,
    Locale,
    Meta,
    answer,
    read_email,
    read_key,
)
from gateways.keyserver.entry import guard_signed
from gateways.keyserver.kdfs import VERSIONS
from gateways.keyserver.limits import CODES, SIGNUPS
from gateways.keyserver.names import (
    get_code_lookup,
    get_email_lookup,
    name_email,
    name_envelope,
    name_verifier,
)
from gateways.keyserver.problems import CODE_WRONG, KDF_UNKNOWN
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import ENTRIES, MAILS
from gateways.keyserver.wallets import vouch
from schemas.generated.common import PublicKey
from schemas.strkey import encode_account_id

HOURS = 24
CODE_DIGITS = 8
Code = Annotated[str, msgspec.Meta(pattern=f"^[0-9]{{{CODE_DIGITS}}}$")]
# Of the two letters, the owner's notice goes out if there is a wallet, otherwise the code.
INSERT = (
    "with known as (select 1 from keyserver.wallets where email_lookup = %(lookup)s),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select type, token, locale, content from (values (false, %(code)s), (true, %(notice)s))"
    "  as letter (is_known, type, token, locale, content)"
    "  where is_known = exists (select from known) on conflict do nothing)"
    " insert into keyserver.signups values (%(id)s, %(lookup)s, %(email)s, %(locale)s, %(account)s,"
    "  %(signer)s, %(recovery)s, %(kdf)s, %(verifier)s, %(envelope)s, %(code_lookup)s,"
    "  exists (select from known), %(expires_at)s)"
)
RESEND = (
    "with changed as (update keyserver.signups set code_lookup = %s where id = %s"
    "  and email_lookup = %s and not is_dead and expires_at > now() returning locale)"
    " insert into keyserver.outbox (type, token, locale, content)"
    " select %s, %s, locale, %s from changed"
)
# One statement: of all sign-ups of an address one makes the wallet, whatever comes at once.
CONFIRM = (
    "with gone as (delete from keyserver.signups where id = %s and code_lookup = %s"
    "  and signer = %s and not is_dead and expires_at > now() returning *),"
    " made as (insert into keyserver.wallets (id, email_lookup, email, locale, account, signer,"
    "  recovery, version, entry, kdf, verifier, envelope)"
    "  select id, email_lookup, email, locale, account, signer, recovery, 1, id, kdf, verifier,"
    "  envelope from gone on conflict do nothing returning id, email_lookup, email, account),"
    " others as (delete from keyserver.signups s using made"
    "  where s.email_lookup = made.email_lookup and s.id <> made.id),"
    " noted as (insert into keyserver.history (wallet, event) select id, 'CREATED' from made)"
    " select email_lookup, email, account from made"
)
CONFIRMED = (
    "select email_lookup, email, account from keyserver.wallets"
    " where id = %s and signer = %s and version = 1"
)


class SignupBody(Body, frozen=True):
    """`account`: G..., named by `signer` unless it exists already. `signer`: the wallet's key.
    `recovery`: the public half of the recovery seed. `verifier`: the authentication key.
    `envelope`: what the secret encrypts.
    """

    email: Address
    account: KeyText
    signer: KeyText
    recovery: KeyText
    kdf: int
    verifier: KeyText
    envelope: Box
    locale: Locale = ""


class SignupAttributes(msgspec.Struct, frozen=True):
    """The same for every address."""

    expires_at: str


class ResendBody(Body, frozen=True):
    """`id`: of the sign-up."""

    id: UUID
    email: Address


class ConfirmBody(Body, frozen=True):
    """`id`: of the sign-up. The request is signed by its `signer`."""

    id: UUID
    code: Code


class StatementAttributes(msgspec.Struct, frozen=True):
    """A registration statement, for the API. The signature covers the exact bytes of `body`."""

    account: str
    body: bytes
    signature: bytes


def require_kdf(version: int) -> None:
    """Raises Problem unless it is a live one."""
    if version not in VERSIONS:
        raise Problem(KDF_UNKNOWN, f"expected one of {sorted(VERSIONS)}")


def make_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


async def sign_up(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: SignupBody = await read_body(call)
    email = read_email(body.email)
    require_kdf(body.kdf)
    keys, id_, code = keyserver.keks, uuid4(), make_code()
    lookup = get_email_lookup(keys, email)
    verifier = read_key(body.verifier, "verifier")
    values: dict[str, Any] = {
        "id": id_,
        "lookup": lookup,
        "email": keys.wrap(email.encode(), name_email(lookup)),
        "locale": body.locale,
        "account": read_key(body.account, "account"),
        "signer": read_key(body.signer, "signer"),
        "recovery": read_key(body.recovery, "recovery"),
        "kdf": body.kdf,
        "verifier": keys.wrap(verifier, name_verifier(id_)),
        "envelope": keys.wrap(body.envelope, name_envelope(id_)),
        "code_lookup": get_code_lookup(keys, id_, code),
        "expires_at": datetime.now(UTC) + timedelta(hours=HOURS),
    }
    await keyserver.strict_counters.reserve(SIGNUPS, lookup.hex())
    token = f"known-{lookup.hex()[:24]}-{messages.get_day()}"
    letters = {
        "code": messages.write_code(keyserver.outbox, email, body.locale, code),
        "notice": messages.write_notice(
            keyserver.outbox, email, body.locale, "signup_attempted", token
        ),
    }
    named = {
        f"{letter}_{part}": value
        for letter, row in letters.items()
        for part, value in row._asdict().items()
    }
    await keyserver.store.execute(_expand(INSERT), {**values, **named})
    attributes = SignupAttributes(values["expires_at"].strftime("%Y-%m-%dT%H:%M:%SZ"))
    return answer(call, "signups", str(id_), attributes, 202)


def _expand(statement: str) -> str:
    """Every letter's columns."""
    for letter in ("code", "notice"):
        columns = ", ".join(f"%({letter}_{part})s" for part in ("type", "token", "locale"))
        columns += f", %({letter}_content)s::bytea"
        statement = statement.replace(f"%({letter})s", columns)
    return statement


async def resend(call: Call) -> Response:
    """A new code; the old one is over."""
    keyserver: KeyServer = call.service
    body: ResendBody = await read_body(call)
    email = read_email(body.email)
    lookup, code = get_email_lookup(keyserver.keks, email), make_code()
    await keyserver.strict_counters.reserve(SIGNUPS, lookup.hex())
    letter = messages.write_code(keyserver.outbox, email, "", code)
    code_lookup = get_code_lookup(keyserver.keks, body.id, code)
    values = (code_lookup, body.id, lookup, letter.type, letter.token, letter.content)
    await keyserver.store.execute(RESEND, values)
    expires = datetime.now(UTC) + timedelta(minutes=messages.CODE_MINUTES)
    attributes = SignupAttributes(expires.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return answer(call, "signups", str(body.id), attributes, 202)


async def confirm(call: Call) -> Response:
    """Again, by the same key, answers the same: the first answer may have been lost."""
    keyserver: KeyServer = call.service
    body: ConfirmBody = await read_body(call)
    await keyserver.strict_counters.reserve(CODES, str(body.id))
    code_lookup = get_code_lookup(keyserver.keks, body.id, body.code)
    rows = await keyserver.store.execute(CONFIRM, (body.id, code_lookup, call.signer))
    rows = rows or await keyserver.store.execute(CONFIRMED, (body.id, call.signer))
    if not rows:
        raise Problem(CODE_WRONG, "this code and this key confirm no sign-up")
    ((lookup, wrapped, account),) = rows
    email = keyserver.keks.unwrap(wrapped, name_email(lookup)).decode()
    vouched = vouch(keyserver, email, account, call.signer or b"")
    shown = encode_account_id(PublicKey(account))
    return answer(call, "statements", str(body.id), StatementAttributes(shown, *vouched))


ROUTES = (
    Route(
        "/v1/signups",
        "POST",
        sign_up,
        "Asks for a wallet: a code is mailed. The answer is the same for every address.",
        rate_class=MAILS,
        response=Document[SignupAttributes, Meta],
        accepts={JSON: SignupBody},
        statuses=(202,),
        problems=(BAD_REQUEST, KDF_UNKNOWN, TOO_MANY_TRIES),
        tag="sign-up",
        cache_control=UNCACHED,
    ),
    Route(
        "/v1/signups/resend",
        "POST",
        resend,
        "Mails another code; the one before is over. The answer is the same for every address.",
        rate_class=MAILS,
        response=Document[SignupAttributes, Meta],
        accepts={JSON: ResendBody},
        statuses=(202,),
        problems=(BAD_REQUEST, TOO_MANY_TRIES),
        tag="sign-up",
        cache_control=UNCACHED,
    ),
    Route(
        "/v1/signups/confirm",
        "POST",
        confirm,
        "Confirms an address, by the mailed code and the wallet's key. Answers a statement for the "
        "API, which makes the account.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[StatementAttributes, Meta],
        accepts={JSON: ConfirmBody},
        problems=(BAD_REQUEST, CODE_WRONG, TOO_MANY_TRIES),
        tag="sign-up",
    ),
)
