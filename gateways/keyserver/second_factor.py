"""Turning the second factor on and off. Either needs the other factor: the secret and a code.

One enrolment waits for ten minutes; confirming it is a comparison with what was shown last, so that
of two that were begun only the newer can be turned on.
"""

from typing import Annotated

import msgspec
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document
from gateways.http.problems import Problem
from gateways.http.routes import Call, Route
from gateways.identity.outbox import Letter
from gateways.keyserver import factors, messages
from gateways.keyserver.answers import JSON, Meta, answer
from gateways.keyserver.entry import ENTRY_PROBLEMS, Entered, EntryBody, enter, guard_signed
from gateways.keyserver.factors import TotpCode
from gateways.keyserver.limits import SECOND_FACTORS
from gateways.keyserver.names import get_code_lookup, name_totp
from gateways.keyserver.problems import ENROLMENT_MISSING, SECOND_FACTOR_WRONG
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import ENTRIES

MINUTES = 10
BEGIN = (
    "update keyserver.wallets set enrolment = %s,"
    " enrolled_until = now() + make_interval(mins => %s) where id = %s"
)
FIND = (
    "select enrolment from keyserver.wallets where id = %s and enrolment is not null"
    " and enrolled_until > now()"
)
# The last step is kept: a code that was good for the old secret is of no use for the new one.
TURN_ON = (
    "with changed as (update keyserver.wallets set totp_secret = enrolment, totp_step = %s,"
    "  enrolment = null, enrolled_until = null"
    "  where id = %s and enrolment = %s and enrolled_until > now() returning id),"
    " old as (delete from keyserver.recovery_codes using changed where wallet = changed.id),"
    " made as (insert into keyserver.recovery_codes (wallet, code_lookup)"
    "  select id, unnest(%s::bytea[]) from changed),"
    " untrusted as (update keyserver.devices set trusted_until = null from changed"
    "  where wallet = changed.id),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select %s, %s, %s, %s from changed)"
    " select id from changed"
)
TURN_OFF = (
    "with changed as (update keyserver.wallets set totp_secret = null where id = %s"
    "  and totp_secret = %s returning id),"
    " old as (delete from keyserver.recovery_codes using changed where wallet = changed.id),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select %s, %s, %s, %s from changed)"
    " select id from changed"
)


class EnrolmentAttributes(msgspec.Struct, frozen=True):
    """`secret`: for typing. `uri`: what authenticators read; `qr`: the same as SVG."""

    secret: str
    uri: str
    qr: str
    minutes: int


class TurnOnBody(EntryBody, frozen=True, kw_only=True):
    """`code`: the authenticator's, of the secret that was shown."""

    code: TotpCode


class RecoveryCodesAttributes(msgspec.Struct, frozen=True):
    """Each is good once, in place of a code. They are shown this once."""

    recovery_codes: list[str]


class SecondFactorAttributes(msgspec.Struct, frozen=True):
    """Whether there is one now."""

    has_second_factor: bool


class TurnOffBody(EntryBody, frozen=True, kw_only=True):
    """With a code, of course."""

    second_factor: Annotated[str, msgspec.Meta(max_length=64)]


async def begin(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: EntryBody = await read_body(call)
    entered = await enter(call, body, "SECOND_FACTOR_SHOWN")
    secret, wallet = factors.make_secret(), entered.wallet
    wrapped = keyserver.keks.wrap(secret, name_totp(wallet.id))
    await keyserver.store.execute(BEGIN, (wrapped, MINUTES, wallet.id))
    uri = factors.make_uri(secret, entered.email)
    attributes = EnrolmentAttributes(secret.decode(), uri, factors.draw(uri), MINUTES)
    return answer(call, "enrolments", str(wallet.id), attributes)


async def turn_on(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: TurnOnBody = await read_body(call)
    entered = await enter(call, body, "SECOND_FACTOR_ASKED")
    wallet = entered.wallet
    rows = await keyserver.store.execute(FIND, (wallet.id,))
    if not rows:
        raise Problem(ENROLMENT_MISSING, "no secret was shown within the last ten minutes")
    await keyserver.strict_counters.reserve(SECOND_FACTORS, str(wallet.id))
    ((wrapped,),) = rows
    step = factors.find_step(keyserver.keks.unwrap(wrapped, name_totp(wallet.id)), body.code)
    if step is None:
        raise Problem(SECOND_FACTOR_WRONG, "the code is not of the secret that was shown")
    codes = factors.make_recovery_codes()
    lookups = [
        get_code_lookup(keyserver.keks, wallet.id, factors.normalise_code(code)) for code in codes
    ]
    letter = _write(keyserver, entered, "second_factor_on")
    values = (step, wallet.id, wrapped, lookups, *letter)
    if not await keyserver.store.execute(TURN_ON, values):
        raise Problem(ENROLMENT_MISSING, "another secret was shown meanwhile")
    await keyserver.strict_counters.release(SECOND_FACTORS, str(wallet.id))
    return answer(call, "recovery-codes", str(wallet.id), RecoveryCodesAttributes(codes))


async def turn_off(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: TurnOffBody = await read_body(call)
    entered = await enter(call, body, "SECOND_FACTOR_OFF")
    wallet = entered.wallet
    if wallet.totp_secret is not None:
        letter = _write(keyserver, entered, "second_factor_off")
        await keyserver.store.execute(TURN_OFF, (wallet.id, wallet.totp_secret, *letter))
    return answer(call, "second-factors", str(wallet.id), SecondFactorAttributes(False))


def _write(keyserver: KeyServer, entered: Entered, event: str) -> Letter:
    return messages.write_notice(keyserver.outbox, entered.email, entered.wallet.locale, event)


ROUTES = (
    Route(
        "/v1/second-factor/enrolments",
        "POST",
        begin,
        "Shows a new secret for an authenticator. It is not in force before a code confirms it.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[EnrolmentAttributes, Meta],
        accepts={JSON: EntryBody},
        problems=ENTRY_PROBLEMS,
        tag="second factor",
    ),
    Route(
        "/v1/second-factor/on",
        "POST",
        turn_on,
        "Turns the second factor on, by a code of the secret that was shown. Answers recovery "
        "codes.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[RecoveryCodesAttributes, Meta],
        accepts={JSON: TurnOnBody},
        problems=(*ENTRY_PROBLEMS, ENROLMENT_MISSING),
        tag="second factor",
    ),
    Route(
        "/v1/second-factor/off",
        "POST",
        turn_off,
        "Turns the second factor off, by a code or a recovery code.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[SecondFactorAttributes, Meta],
        accepts={JSON: TurnOffBody},
        problems=ENTRY_PROBLEMS,
        tag="second factor",
    ),
)
