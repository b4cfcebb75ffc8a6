"""Phone numbers: linked once a code that was sent to them has come back."""

import re
import secrets
from typing import Annotated

import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, SIGNERS, get_account, get_signer, guard_owner
from gateways.api.people import (
    PHONE,
    Address,
    Person,
    hash_address,
    link,
    seal_address,
)
from gateways.api.persons import require_person
from gateways.api.problems import CODE_WRONG, LEDGER_UNAVAILABLE, QUOTA_EXCEEDED
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.http.bodies import read_body
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    TOO_MANY_TRIES,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Route
from gateways.http.strict_counters import StrictLimit

JSON = "application/json"
BODY_BYTES_MAX = 4 * 1024
CODE_DIGITS, CODE_MINUTES = 6, 15
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
SPACING = str.maketrans("", "", " -./()")
# Messages cost money, and a number belongs to somebody who did not ask for them.
SENDS = StrictLimit("phone-codes", quick=3, first_wait_seconds=30, longest_wait_seconds=900, most=8)
TRIES = StrictLimit(
    "phone-tries", quick=5, first_wait_seconds=10, longest_wait_seconds=900, most=20
)
ASK = (
    "insert into api.phone_codes values"
    " (%s, %s, %s, %s, clock_timestamp() + make_interval(mins => %s))"
    " on conflict (person_id) do update set address_hash = excluded.address_hash,"
    " sealed = excluded.sealed, code_hash = excluded.code_hash, expires_at = excluded.expires_at"
)
USE = (
    "delete from api.phone_codes c using api.people p where p.person_id = c.person_id"
    " and p.account_id = %s and p.signer = %s and c.address_hash = %s and c.code_hash = %s"
    " and c.expires_at > clock_timestamp() returning c.sealed"
)

Phone = Annotated[str, msgspec.Meta(max_length=64)]


class PhoneError(ValueError):
    """The text is no phone number."""


class PhoneRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A number with its country code, +49..."""

    phone: Phone
    locale: Annotated[str, msgspec.Meta(max_length=8, pattern="^[A-Za-z-]*$")] = ""


class PhoneConfirmation(msgspec.Struct, forbid_unknown_fields=True):
    """The number and the code that it got."""

    phone: Phone
    code: Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")]


def normalise_phone(text: str) -> str:
    """E.164. Raises PhoneError."""
    normal = text.translate(SPACING)
    if not NUMBER.fullmatch(normal):
        raise PhoneError("expected a phone number with its country code, as +49 30 123456")
    return normal


async def ask_for_code(call: Call) -> Response:
    """The same answer whether the number is known or not."""
    api: Api = call.service
    given: PhoneRequest = await read_body(call)
    phone = _normalise(given.phone)
    person = Person(get_account(call), get_signer(call), given.locale)
    address = seal_address(api.keks, PHONE, phone, api.now_ms())
    await api.strict_counters.reserve(SENDS, f"{person.account_id.hex()}{person.signer.hex()}")
    await api.strict_counters.reserve(SENDS, address.address_hash.hex())
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    letter = api.outbox.write(
        "sms_code", {"phone": phone}, given.locale, {"minutes": CODE_MINUTES}, sealed={"code": code}
    )
    async with api.store.transact() as transaction:
        person_id = await require_person(call, transaction, given.locale)
        hashed = _hash_code(api, address, code)
        values = (person_id, address.address_hash, address.sealed, hashed, CODE_MINUTES)
        await transaction.execute(ASK, values)
        await transaction.execute(api.outbox.insert, letter)
    return Response(status_code=204)


async def confirm(call: Call) -> Response:
    """A code works once; every try counts before it is looked at."""
    api: Api = call.service
    given: PhoneConfirmation = await read_body(call)
    hashed = hash_address(api.keks, PHONE, _normalise(given.phone))
    signers = call.request.scope[SIGNERS]
    person = Person(get_account(call), get_signer(call), signers=signers)
    await api.strict_counters.reserve(TRIES, f"{person.account_id.hex()}{person.signer.hex()}")
    address = Address(PHONE, hashed, b"", api.now_ms())
    async with api.store.transact() as transaction:
        code_hash = _hash_code(api, address, given.code)
        used = await transaction.execute(USE, (*person[:2], hashed, code_hash))
        if not used:
            raise Problem(CODE_WRONG, "no such code was sent to this number, or it is over")
        address = address._replace(sealed=used[0][0])
        await link(transaction, person, address, api.settings.quotas.people)
    return Response(status_code=204)


def _normalise(text: str) -> str:
    try:
        return normalise_phone(text)
    except PhoneError as error:
        raise Problem(BAD_REQUEST, str(error)) from None


def _hash_code(api: Api, address: Address, code: str) -> bytes:
    return api.keks.compute_lookup("phone-code", address.address_hash + code.encode())


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, UNSUPPORTED_MEDIA_TYPE, TOO_MANY_TRIES, LEDGER_UNAVAILABLE)

ROUTES = (
    Route(
        "/v1/accounts/{account}/phones",
        "POST",
        ask_for_code,
        "Send a code to a phone number of yours.",
        guard_owner,
        rate_class=WRITES,
        path_parameters=(ACCOUNT,),
        accepts={JSON: PhoneRequest},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(204,),
        problems=(*_PROBLEMS, QUOTA_EXCEEDED),
        tag="people",
        takes_idempotency_key=True,
    ),
    Route(
        "/v1/accounts/{account}/phones/confirmations",
        "POST",
        confirm,
        "Give the code back: the number is linked to you, and to nobody else.",
        guard_owner,
        rate_class=WRITES,
        path_parameters=(ACCOUNT,),
        accepts={JSON: PhoneConfirmation},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(204,),
        problems=(*_PROBLEMS, CODE_WRONG, QUOTA_EXCEEDED),
        tag="people",
    ),
)
