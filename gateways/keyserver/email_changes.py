"""Another address for a wallet: asked for by the secret, confirmed by a code and the new key.

The address is part of the derivation, so the wallet's next version comes with it. Both addresses
hear of it. A new address that has a wallet gets the same answer, and its owner a notice.
"""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document
from gateways.http.problems import BAD_REQUEST, TOO_MANY_TRIES, Problem
from gateways.http.routes import Call, Route
from gateways.keyserver import messages
from gateways.keyserver.answers import JSON, Address, Body, Meta, answer, read_email, read_key
from gateways.keyserver.changes import NextVersion, require_next
from gateways.keyserver.entry import ENTRY_PROBLEMS, EntryBody, enter, guard_signed
from gateways.keyserver.limits import CODES, SIGNUPS
from gateways.keyserver.names import (
    get_code_lookup,
    get_email_lookup,
    name_email,
    name_envelope,
    name_verifier,
)
from gateways.keyserver.problems import CODE_WRONG, KDF_UNKNOWN, VERSION_CHANGED
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import ENTRIES
from gateways.keyserver.signups import (
    HOURS,
    Code,
    SignupAttributes,
    StatementAttributes,
    make_code,
    require_kdf,
)
from gateways.keyserver.wallets import is_verifier, vouch
from schemas.generated.common import PublicKey
from schemas.strkey import encode_account_id

INSERT = (
    "with known as (select 1 from keyserver.wallets where email_lookup = %(lookup)s),"
    " old as (delete from keyserver.email_changes where wallet = %(wallet)s),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select type, token, locale, content from (values"
    "   (false, %(code_type)s, %(code_token)s, %(locale)s, %(code_content)s::bytea),"
    "   (true, %(known_type)s, %(known_token)s, %(locale)s, %(known_content)s::bytea))"
    "  as letter (is_known, type, token, locale, content)"
    "  where is_known = exists (select from known) on conflict do nothing),"
    " warned as (insert into keyserver.outbox (type, token, locale, content)"
    "  values (%(notice_type)s, %(notice_token)s, %(locale)s, %(notice_content)s))"
    " insert into keyserver.email_changes values (%(id)s, %(wallet)s, %(version)s, %(lookup)s,"
    "  %(email)s, %(kdf)s, %(verifier)s, %(envelope)s, %(code_lookup)s, %(expires_at)s)"
)
FIND = (
    "select c.verifier, c.email_lookup, c.email, w.email_lookup, w.email, w.locale, w.account,"
    " w.signer from keyserver.email_changes c join keyserver.wallets w on w.id = c.wallet"
    " where c.id = %s and c.code_lookup = %s and c.expires_at > now()"
)
# A version that waits for the ledger was derived with the old address: then nothing happens.
CONFIRM = (
    "with gone as (delete from keyserver.email_changes where id = %s returning *),"
    " changed as (update keyserver.wallets w set version = w.version + 1, entry = gone.id,"
    "  email_lookup = gone.email_lookup, email = gone.email, kdf = gone.kdf,"
    "  verifier = gone.verifier, envelope = gone.envelope from gone"
    "  where w.id = gone.wallet and w.version = gone.version"
    "  and not exists (select from keyserver.changes c where c.wallet = w.id)"
    "  and not exists (select from keyserver.wallets o where o.email_lookup = gone.email_lookup)"
    "  returning w.id),"
    " noted as (insert into keyserver.history (wallet, event) select id, 'EMAIL_CHANGED'"
    "  from changed),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select type, token, locale, content from changed, (values (%s, %s, %s, %s::bytea),"
    "   (%s, %s, %s, %s::bytea)) as letter (type, token, locale, content))"
    " select id from changed"
)


class EmailChangeBody(EntryBody, frozen=True, kw_only=True):
    """Proved by the secret. `next`: the version that is derived with the new address."""

    new_email: Address
    next: NextVersion


class EmailConfirmBody(Body, frozen=True):
    """`id`: of the change. The request is signed by the new authentication key."""

    id: UUID
    code: Code


async def ask(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: EmailChangeBody = await read_body(call)
    require_kdf(body.next.kdf)
    email = read_email(body.new_email)
    verifier = read_key(body.next.verifier, "next.verifier")
    entered = await enter(call, body, "EMAIL_CHANGE_ASKED")
    require_next(entered.wallet, body.next)
    wallet, keys, id_, code = entered.wallet, keyserver.keks, uuid4(), make_code()
    lookup = get_email_lookup(keys, email)
    await keyserver.strict_counters.reserve(SIGNUPS, lookup.hex())
    outbox, expires_at = keyserver.outbox, datetime.now(UTC) + timedelta(hours=HOURS)
    token = f"known-{lookup.hex()[:24]}-{messages.get_day()}"
    letters = {
        "code": messages.write_code(outbox, email, wallet.locale, code),
        "known": messages.write_notice(outbox, email, wallet.locale, "signup_attempted", token),
        "notice": messages.write_notice(outbox, entered.email, wallet.locale, "email_change_asked"),
    }
    values = {
        "id": id_,
        "wallet": wallet.id,
        "version": wallet.version,
        "lookup": lookup,
        "email": keys.wrap(email.encode(), name_email(lookup)),
        "kdf": body.next.kdf,
        "verifier": keys.wrap(verifier, name_verifier(id_)),
        "envelope": keys.wrap(body.next.envelope, name_envelope(id_)),
        "code_lookup": get_code_lookup(keys, id_, code),
        "expires_at": expires_at,
        "locale": wallet.locale,
        **{f"{n}_{part}": v for n, row in letters.items() for part, v in row._asdict().items()},
    }
    await keyserver.store.execute(INSERT, values)
    attributes = SignupAttributes(expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    return answer(call, "email-changes", str(id_), attributes, 202)


async def confirm(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: EmailConfirmBody = await read_body(call)
    keys, outbox = keyserver.keks, keyserver.outbox
    await keyserver.strict_counters.reserve(CODES, str(body.id))
    rows = await keyserver.store.execute(FIND, (body.id, get_code_lookup(keys, body.id, body.code)))
    if not rows or not is_verifier(keys, rows[0][0], body.id, call.signer):
        raise Problem(CODE_WRONG, "this code and this key confirm no address")
    ((_, new_lookup, new, old_lookup, old, locale, account, signer),) = rows
    new_email = keys.unwrap(new, name_email(new_lookup)).decode()
    old_email = keys.unwrap(old, name_email(old_lookup)).decode()
    letters = [
        messages.write_notice(outbox, email, locale, "email_changed")
        for email in (new_email, old_email)
    ]
    values = (body.id, *letters[0], *letters[1])
    if not await keyserver.store.execute(CONFIRM, values):
        raise Problem(CODE_WRONG, "the address is taken, or the wallet has changed meanwhile")
    vouched = vouch(keyserver, new_email, account, signer)
    shown = encode_account_id(PublicKey(account))
    return answer(call, "statements", str(body.id), StatementAttributes(shown, *vouched))


ROUTES = (
    Route(
        "/v1/email-changes",
        "POST",
        ask,
        "Asks for another address: a code is mailed to it, and the old one hears of it.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[SignupAttributes, Meta],
        accepts={JSON: EmailChangeBody},
        statuses=(202,),
        problems=(*ENTRY_PROBLEMS, KDF_UNKNOWN, VERSION_CHANGED),
        tag="changes",
    ),
    Route(
        "/v1/email-changes/confirm",
        "POST",
        confirm,
        "Takes the new address into force, by the mailed code and the new authentication key.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[StatementAttributes, Meta],
        accepts={JSON: EmailConfirmBody},
        problems=(BAD_REQUEST, CODE_WRONG, TOO_MANY_TRIES),
        tag="changes",
    ),
)
