"""Keys: made for an owner, given to whom the ledger allows, erased.

A key is an X25519 pair. Everybody who encrypts gets the public half; the private half leaves only
as a sealed box to the one-time key that the signed request names, after its row in the audit log.
"""

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.utils import random
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import respond
from gateways.http.parameter_types import ACCOUNT_ID, ParameterType
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import UNCACHED, Call, Parameter, Route
from gateways.http.store import Transaction
from gateways.http.system import JSON
from gateways.keychain import audit
from gateways.keychain.entitlement import Right, Standing, get_first_keys, judge, require
from gateways.keychain.evidence import Evidence
from gateways.keychain.problems import (
    KEY_EXISTS,
    LEDGER_UNPROVED,
    NOT_APART,
    QUOTA_EXCEEDED,
    SECOND_PERSON_NEEDED,
)
from gateways.keychain.service import KeyChain, name_key
from gateways.keychain.settings import KEYS
from schemas.generated import common
from schemas.generated.common import AccountID
from schemas.strkey import decode_account_id, encode_account_id
from schemas.values import format_time

ID_BYTES = 16
BODY_BYTES_MAX = 4 * 1024
COLUMNS = "key_id, owner, class, subject, public_key, created_at"
INSERT = (
    "insert into keychain.keys (key_id, owner, class, subject, public_key, wrapped, created_by)"
    " values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing returning 1"
)
COUNT = "select count(*) from keychain.keys where owner = %s"
FIND = f"select {COLUMNS} from keychain.keys where key_id = %s"  # noqa: S608
LIST = f"select {COLUMNS} from keychain.keys where owner = %s order by created_at, key_id"  # noqa: S608
OPEN = "select wrapped from keychain.keys where key_id = %s for share"
ERASE_OF = "delete from keychain.keys where owner = %s and class = %s returning key_id"
ERASE = "delete from keychain.keys where key_id = %s returning 1"
RECENT = (
    "select count(*) from keychain.audit where actor = %s and at > now() - interval '1 hour'"
    " and action = 'release-administrator'"
)
ALLOWED = (
    "select coalesce(sum(releases), 0) from keychain.approvals"
    " where administrator = %s and expires_at > now()"
)
CLASS_PATTERN = "[a-z0-9][a-z0-9._-]{0,63}"
Name = Annotated[str, msgspec.Meta(pattern=rf"\A{CLASS_PATTERN}\Z")]
Subject = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}\Z")]
Key32 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]


def _parse_id(text: str) -> bytes:
    if len(text) != 2 * ID_BYTES or text != text.lower():
        raise ValueError("expected 32 hexadecimal digits in lower case")
    return bytes.fromhex(text)


def _parse_class(text: str) -> str:
    if not re.fullmatch(CLASS_PATTERN, text):
        raise ValueError("expected small letters, digits and ._-, at most 64")
    return text


CLASS_NAME = ParameterType(_parse_class, {"type": "string", "pattern": f"^{CLASS_PATTERN}$"})
KEY_ID = ParameterType(_parse_id, {"type": "string", "pattern": "^[0-9a-f]{32}$"})
ID = Parameter("id", KEY_ID, "A key's id.")
CLASS = Parameter("class", CLASS_NAME, "A class of keys.")
ACCOUNT = Parameter("account", ACCOUNT_ID, "An account, G...")


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`class_`: the sort of data, as rules name it after `keychain:`. `subject`: the owner's name
    for the document and its version; a version never gets a second key."""

    owner: str
    class_: Name = msgspec.field(name="class")
    subject: Subject


class KeyAnswer(msgspec.Struct, frozen=True):
    """The public half, in hex, and what it is for."""

    id: str
    owner: str
    class_: str = msgspec.field(name="class")
    subject: str
    public_key: str
    created_at: str


class KeyList(msgspec.Struct, frozen=True):
    keys: list[KeyAnswer]


class Release(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`recipient`: a one-time X25519 public key in hex, made for this request."""

    recipient: Key32


class ReleaseAnswer(msgspec.Struct, frozen=True):
    """`sealed`: the private key in a libsodium sealed box to the recipient, in hex. `ledger`: the
    one whose rules allow it."""

    id: str
    sealed: str
    ledger: str


async def guard_anybody(_: Call) -> None:
    """Any key: who may is judged on the body, or on what the path names."""


async def create_key(call: Call) -> Response:
    """The same owner, class and subject again are refused: clients list what there is."""
    keychain: KeyChain = call.service
    given: NewKey = await read_body(call)
    try:
        owner = decode_account_id(given.owner)
    except ValueError:
        raise Problem(BAD_REQUEST, "owner: an account, G...") from None
    standing, ledger = await _require(call, owner, given.class_, Right.CREATE)
    if standing is not Standing.OWNER:
        raise Problem(FORBIDDEN, "keys are made for the signer's own account")
    private, key_id = PrivateKey.generate(), random(ID_BYTES)
    public = bytes(private.public_key)
    wrapped = keychain.keks.wrap(bytes(private), name_key(key_id))
    values = (key_id, owner, given.class_, given.subject, public, wrapped, call.signer)
    async with keychain.store.transact() as transaction:
        await transaction.execute(audit.LOCK)  # also of the count
        ((count,),) = await transaction.execute(COUNT, (owner,))
        if count >= keychain.settings.keys_max:
            raise Problem(QUOTA_EXCEEDED, f"{count} keys")
        if not await transaction.execute(INSERT, values):
            raise Problem(KEY_EXISTS, f"{given.class_} {given.subject}")
        await _append(transaction, call, "create", owner, key_id, given.class_, ledger=ledger)
        ((*row,),) = await transaction.execute(FIND, (key_id,))
    return respond(_render(row), 201, JSON)


async def list_keys(call: Call) -> Response:
    """The public halves of an account's keys that the signer may open."""
    keychain: KeyChain = call.service
    owner = call.path["account"]
    rows = await keychain.store.execute(LIST, (owner,))
    found: list[KeyAnswer] = []
    if rows:
        evidence = await _prove(call, owner)
        classes = {row[2] for row in rows}
        allowed = {each for each in classes if _judge(call, evidence, owner, each, Right.OPEN)}
        found = [_render(row) for row in rows if row[2] in allowed]
    return respond(KeyList(found), media_type=JSON)


async def release_key(call: Call) -> Response:
    """The row of the audit log is committed before anything is answered."""
    keychain: KeyChain = call.service
    given: Release = await read_body(call)
    box = _open_box(given.recipient)
    owner, class_ = await _find(call)
    standing, ledger = await _require(call, owner, class_, Right.OPEN)
    key_id = call.path["id"]
    async with keychain.store.transact() as transaction:
        await transaction.execute(audit.LOCK)
        if standing is Standing.ADMINISTRATOR:
            await _require_few(transaction, call)
        rows = await transaction.execute(OPEN, (key_id,))
        if not rows:
            raise Problem(NOT_FOUND, "there is no such key, or it was erased")
        private = keychain.keks.unwrap(rows[0][0], name_key(key_id))
        sealed = box.encrypt(private)
        action, about = f"release-{standing}", {"ledger": ledger, "recipient": given.recipient}
        await _append(transaction, call, action, owner, key_id, class_, **about)
    return respond(ReleaseAnswer(key_id.hex(), sealed.hex(), str(ledger)), media_type=JSON)


async def erase_key(call: Call) -> Response:
    """What was encrypted to it can never be read again."""
    keychain: KeyChain = call.service
    owner, class_ = await _find(call)
    standing, ledger = await _require(call, owner, class_, Right.ERASE)
    key_id = call.path["id"]
    async with keychain.store.transact() as transaction:
        if not await transaction.execute(ERASE, (key_id,)):
            raise Problem(NOT_FOUND, "there is no such key, or it was erased")
        await _append(transaction, call, f"erase-{standing}", owner, key_id, class_, ledger=ledger)
    return Response(status_code=204)


def _open_box(recipient: str) -> SealedBox[PublicKey]:
    """Raises Problem for a point with which anybody could open it."""
    box = SealedBox(PublicKey(bytes.fromhex(recipient)))
    try:
        box.encrypt(b"")
    except (CryptoError, RuntimeError):
        raise Problem(BAD_REQUEST, "recipient: no usable X25519 public key") from None
    return box


async def _find(call: Call) -> tuple[AccountID, str]:
    """Owner and class. Raises Problem."""
    keychain: KeyChain = call.service
    keychain.require_apart()
    rows = await keychain.store.execute(FIND, (call.path["id"],))
    if not rows:
        raise Problem(NOT_FOUND, "there is no such key, or it was erased")
    return AccountID(rows[0][1]), rows[0][2]


async def _require(call: Call, owner: AccountID, class_: str, right: Right) -> tuple[Standing, int]:
    """Why the signer may, and the ledger that says so. Others learn nothing, not even whether there
    is a key. Raises Problem."""
    evidence = await _prove(call, owner)
    standing = _judge(call, evidence, owner, class_, right)
    if standing is None:
        raise Problem(NOT_FOUND, "there is no such key, or it was erased")
    return standing, evidence.header.sequence


async def _prove(call: Call, owner: AccountID) -> Evidence:
    """All that decides about the signer's rights to what is the owner's. Raises Problem."""
    keychain: KeyChain = call.service
    keychain.require_apart()
    wanted = get_first_keys((owner, keychain.operator), _get_signer(call))
    return await keychain.evidence.prove(wanted)


def _judge(
    call: Call, evidence: Evidence, owner: AccountID, class_: str, right: Right
) -> Standing | None:
    keychain: KeyChain = call.service
    signer, time_ms = _get_signer(call), evidence.header.close_time_ms
    requirement = require(class_, right)
    return judge(evidence.state, requirement, signer, owner, keychain.operator, time_ms)


async def erase_keys(call: Call) -> Response:
    """All of an account's keys of a class, whether there are any or not."""
    keychain: KeyChain = call.service
    owner, class_ = call.path["account"], call.path["class"]
    standing, ledger = await _require(call, owner, class_, Right.ERASE)
    async with keychain.store.transact() as transaction:
        await transaction.execute(audit.LOCK)
        for (key_id,) in await transaction.execute(ERASE_OF, (owner, class_)):
            action = f"erase-{standing}"
            await _append(transaction, call, action, owner, key_id, class_, ledger=ledger)
    return Response(status_code=204)


async def _require_few(transaction: Transaction, call: Call) -> None:
    """In the lock of the audit log, so that no two releases are counted as one. Raises Problem."""
    keychain: KeyChain = call.service
    ((count,),) = await transaction.execute(RECENT, (call.signer,))
    ((more,),) = await transaction.execute(ALLOWED, (call.signer,))
    settings = keychain.settings
    is_machine = encode_account_id(_get_signer(call)) in settings.machines
    bulk = settings.machine_bulk if is_machine else settings.bulk
    if count >= bulk + more:
        raise Problem(SECOND_PERSON_NEEDED, f"{count} keys within an hour")


async def _append(
    transaction: Transaction,
    call: Call,
    action: str,
    owner: AccountID,
    key_id: bytes,
    class_: str,
    **more: Any,
) -> None:
    about = {"class": class_, **more}
    await audit.append(transaction, _get_signer(call), action, owner=owner, key_id=key_id, **about)


def _get_signer(call: Call) -> common.PublicKey:
    if call.signer is None:
        raise TypeError(f"{call.route.path} is not signed")
    return call.signer


def _render(row: Any) -> KeyAnswer:
    key_id, owner, class_, subject, public_key, created_at = row
    shown = _show_time(created_at)
    return KeyAnswer(
        key_id.hex(), encode_account_id(owner), class_, subject, public_key.hex(), shown
    )


def _show_time(time: datetime) -> str:
    return format_time(int(time.timestamp() * 1000))


_PROBLEMS = (NOT_FOUND, NOT_APART, LEDGER_UNPROVED)
_BODY = (BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE)

ROUTES = (
    Route(
        "/v1/keys",
        "POST",
        create_key,
        "Make a key for one version of a document or form of the signer's account.",
        guard_anybody,
        rate_class=KEYS,
        response=KeyAnswer,
        media_type=JSON,
        accepts={JSON: NewKey},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(201,),
        problems=(*_BODY, *_PROBLEMS, FORBIDDEN, KEY_EXISTS, QUOTA_EXCEEDED),
        tag="keys",
        takes_idempotency_key=True,
        cache_control=UNCACHED,
    ),
    Route(
        "/v1/accounts/{account}/keys",
        "GET",
        list_keys,
        "The public halves of the account's keys that the signer may open.",
        guard_anybody,
        response=KeyList,
        media_type=JSON,
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="keys",
        cache_control=UNCACHED,
    ),
    Route(
        "/v1/accounts/{account}/classes/{class}",
        "DELETE",
        erase_keys,
        "Erase all of an account's keys of a class: nothing of it can ever be read again.",
        guard_anybody,
        rate_class=KEYS,
        path_parameters=(ACCOUNT, CLASS),
        statuses=(204,),
        problems=(BAD_REQUEST, *_PROBLEMS),
        tag="keys",
        cache_control=UNCACHED,
    ),
    Route(
        "/v1/keys/{id}/release",
        "POST",
        release_key,
        "The private half, sealed to a one-time key, for the owner or an entitled administrator.",
        guard_anybody,
        rate_class=KEYS,
        response=ReleaseAnswer,
        media_type=JSON,
        path_parameters=(ID,),
        accepts={JSON: Release},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_BODY, *_PROBLEMS, SECOND_PERSON_NEEDED),
        tag="keys",
        cache_control=UNCACHED,
    ),
    Route(
        "/v1/keys/{id}",
        "DELETE",
        erase_key,
        "Erase a key: what was encrypted to it can never be read again.",
        guard_anybody,
        rate_class=KEYS,
        path_parameters=(ID,),
        statuses=(204,),
        problems=_PROBLEMS,
        tag="keys",
        cache_control=UNCACHED,
    ),
)
