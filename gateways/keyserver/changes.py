"""New versions of a wallet: a new password, or only a stronger derivation of its keys.

A new password rotates the signer on the ledger. The new version waits with that transaction and is
in force when, and only when, a ledger has it; it is dropped when a certified close time has passed
its max_time. So there is never none and never two. A recovery does the same by the recovery seed.
"""

import time
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document
from gateways.http.problems import BAD_REQUEST, TOO_MANY_TRIES, Problem
from gateways.http.routes import Call, Route
from gateways.keyserver import messages
from gateways.keyserver.answers import (
    JSON,
    Address,
    Body,
    Box,
    KeyText,
    Meta,
    answer,
    read_email,
    read_key,
)
from gateways.keyserver.entry import ENTRY_PROBLEMS, EntryBody, enter, guard_signed
from gateways.keyserver.limits import RECOVERIES
from gateways.keyserver.names import get_email_lookup, name_envelope, name_verifier
from gateways.keyserver.problems import (
    CHANGE_UNDECIDED,
    KDF_UNKNOWN,
    TRANSACTION_UNFIT,
    VERSION_CHANGED,
)
from gateways.keyserver.rotations import Rotation, Unfit, read_rotation, require_rotation
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import ENTRIES
from gateways.keyserver.settling import PASSWORD, RECOVERY
from gateways.keyserver.signups import require_kdf
from gateways.keyserver.wallets import COLUMNS, Wallet, open_email, read_wallet
from schemas.generated.common import PublicKey
from streams.kill_points import kill_points

RECOVERIES_MAX = 3
TransactionBytes = Annotated[bytes, msgspec.Meta(min_length=64, max_length=8_192)]
REPLACE = (
    "with changed as (update keyserver.wallets w set version = version + 1, entry = %s, kdf = %s,"
    "  verifier = %s, envelope = %s where id = %s and version = %s"
    "  and not exists (select from keyserver.changes c where c.wallet = w.id) returning id),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select %s, %s, %s, %s from changed)"
    " select id from changed"
)
# The wallet's row is locked, so that of two at once the second sees the first.
INSERT = (
    "with wallet as (select id, version from keyserver.wallets where id = %s and version = %s"
    "  for update),"
    " made as (insert into keyserver.changes (id, wallet, kind, version, signer, kdf, verifier,"
    "  envelope, transaction, transaction_hash, envelope_hash, max_time_ms)"
    "  select %s, id, %s, version, %s, %s, %s, %s, %s, %s, %s, %s from wallet"
    "  where (select count(*) from keyserver.changes c where c.wallet = wallet.id) < %s"
    "  on conflict do nothing returning id),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select %s, %s, %s, %s from made)"
    " select id from made"
)
FIND = f"select {COLUMNS} from keyserver.wallets w where w.email_lookup = %s"  # noqa: S608
PASSWORD_PROBLEMS = (
    *ENTRY_PROBLEMS,
    KDF_UNKNOWN,
    TRANSACTION_UNFIT,
    VERSION_CHANGED,
)


class NextVersion(Body, frozen=True):
    """A version to be. `version`: that it is, with which the envelope is closed; 0 of a recovery.
    `verifier`: the new authentication key; `envelope`: by the new secret.
    """

    version: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
    kdf: int
    verifier: KeyText
    envelope: Box


class RotatedVersion(NextVersion, frozen=True, kw_only=True):
    """`signer`: the wallet's new key. `transaction`: the signed envelope that replaces the old."""

    signer: KeyText
    transaction: TransactionBytes


class DerivationBody(EntryBody, frozen=True, kw_only=True):
    """Proved by the old secret. The version stays the same person's: its signer does not change."""

    next: NextVersion


class PasswordBody(EntryBody, frozen=True, kw_only=True):
    """Proved by the old secret."""

    next: RotatedVersion


class RecoveryBody(Body, frozen=True):
    """Signed, as the transaction is, by the recovery seed, or by another signer of the account."""

    email: Address
    next: RotatedVersion


class ChangeAttributes(msgspec.Struct, frozen=True):
    """`status`: done, or pending until a ledger has the transaction: unlock with the new secret."""

    status: str
    transaction_hash: str | None
    max_time_ms: str | None


async def change_derivation(call: Call) -> Response:
    """No rotation: the old envelope holds the same key."""
    keyserver: KeyServer = call.service
    body: DerivationBody = await read_body(call)
    require_kdf(body.next.kdf)
    # A trusted device may: who has unlocked by it renews at once, when his code is used up.
    entered = await enter(call, body, "DERIVATION_CHANGED", always_second=False)
    wallet, entry = entered.wallet, uuid4()
    require_next(wallet, body.next)
    verifier, envelope = _wrap(keyserver, body.next, entry)
    letter = messages.write_notice(
        keyserver.outbox, entered.email, wallet.locale, "derivation_changed"
    )
    values = (entry, body.next.kdf, verifier, envelope, wallet.id, wallet.version, *letter)
    if not await keyserver.store.execute(REPLACE, values):
        raise Problem(VERSION_CHANGED, "the wallet has another version, or waits for one")
    return answer(call, "changes", str(entry), ChangeAttributes("done", None, None))


async def change_password(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: PasswordBody = await read_body(call)
    require_kdf(body.next.kdf)
    rotation = _read(keyserver, body.next)
    entered = await enter(call, body, "PASSWORD_CHANGE_BEGUN")
    require_next(entered.wallet, body.next)
    _require(rotation, entered.wallet, read_key(body.next.signer, "next.signer"))
    change = await _store(keyserver, entered.wallet, PASSWORD, body.next, rotation, 1)
    if change is None:
        raise Problem(CHANGE_UNDECIDED, "another change of this wallet waits for the ledger")
    return _answer(call, change, rotation)


async def recover(call: Call) -> Response:
    """Nothing is proved here: the ledger knows whether the transaction is by who it must be. The
    answer is the same for every address; what does not fit the wallet is not kept.
    """
    keyserver: KeyServer = call.service
    body: RecoveryBody = await read_body(call)
    require_kdf(body.next.kdf)
    email = read_email(body.email)
    rotation, new = _read(keyserver, body.next), read_key(body.next.signer, "next.signer")
    if body.next.version != 0:
        raise Problem(VERSION_CHANGED, "the version of a recovery is 0")
    if call.signer not in rotation.signers:
        raise Problem(TRANSACTION_UNFIT, "transaction: not signed by the key of the request")
    lookup = get_email_lookup(keyserver.keks, email)
    rows = await keyserver.store.execute(FIND, (lookup,))
    wallet = read_wallet(rows[0]) if rows else None
    # Whoever has the recovery seed is counted for himself: others cannot use up his tries.
    is_owner = wallet is not None and wallet.recovery == call.signer
    subject = f"{lookup.hex()}/{'owner' if is_owner else 'others'}"
    await keyserver.strict_counters.reserve(RECOVERIES, subject)
    change: UUID | None = None
    if wallet is not None:
        try:
            require_rotation(rotation, wallet.account, wallet.signer, new)
        except Unfit:
            return _answer(call, uuid4(), rotation)
        most = RECOVERIES_MAX + is_owner
        change = await _store(keyserver, wallet, RECOVERY, body.next, rotation, most)
    return _answer(call, change or uuid4(), rotation)


def require_next(wallet: Wallet, following: NextVersion) -> None:
    """Raises Problem unless it follows the version in force: an envelope names its version."""
    if following.version != wallet.version + 1:
        raise Problem(VERSION_CHANGED, f"the next version is {wallet.version + 1}")


def _read(keyserver: KeyServer, following: RotatedVersion) -> Rotation:
    try:
        return read_rotation(
            keyserver.network_id, following.transaction, time.time_ns() // 1_000_000
        )
    except Unfit as error:
        raise Problem(TRANSACTION_UNFIT, f"transaction: {error}") from None


def _require(rotation: Rotation, wallet: Wallet, new: PublicKey) -> None:
    try:
        require_rotation(rotation, wallet.account, wallet.signer, new)
    except Unfit as error:
        raise Problem(TRANSACTION_UNFIT, f"transaction: {error}") from None


async def _store(
    keyserver: KeyServer,
    wallet: Wallet,
    kind: str,
    following: RotatedVersion,
    rotation: Rotation,
    most: int,
) -> UUID | None:
    """The change, unless `most` wait already. Whoever reads the mail hears of it."""
    change = uuid4()
    verifier, envelope = _wrap(keyserver, following, change)
    email = open_email(keyserver.keks, wallet)
    event = "password_change_begun" if kind == PASSWORD else "recovery_begun"
    letter = messages.write_notice(keyserver.outbox, email, wallet.locale, event)
    signer = read_key(following.signer, "next.signer")
    row = (change, kind, signer, following.kdf, verifier, envelope, *rotation.submission)
    kill_points.note("before-change")
    made = await keyserver.store.execute(INSERT, (wallet.id, wallet.version, *row, most, *letter))
    kill_points.note("after-change")
    return change if made else None


def _wrap(keyserver: KeyServer, following: NextVersion, entry: UUID) -> tuple[bytes, bytes]:
    verifier = read_key(following.verifier, "next.verifier")
    return (
        keyserver.keks.wrap(verifier, name_verifier(entry)),
        keyserver.keks.wrap(following.envelope, name_envelope(entry)),
    )


def _answer(call: Call, change: UUID, rotation: Rotation) -> Response:
    submission = rotation.submission
    attributes = ChangeAttributes(
        "pending", submission.transaction_hash.hex(), str(submission.max_time_ms)
    )
    return answer(call, "changes", str(change), attributes, 202)


ROUTES = (
    Route(
        "/v1/derivation",
        "POST",
        change_derivation,
        "Replaces envelope and authentication key, when a stronger derivation is there.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[ChangeAttributes, Meta],
        accepts={JSON: DerivationBody},
        problems=(*ENTRY_PROBLEMS, KDF_UNKNOWN, VERSION_CHANGED),
        tag="changes",
    ),
    Route(
        "/v1/password",
        "POST",
        change_password,
        "A new password, in force when a ledger has the transaction that rotates the signer.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[ChangeAttributes, Meta],
        accepts={JSON: PasswordBody},
        statuses=(202,),
        problems=PASSWORD_PROBLEMS,
        tag="changes",
    ),
    Route(
        "/v1/recoveries",
        "POST",
        recover,
        "A new password by the recovery seed, in force when a ledger has the transaction. Second "
        "factor and devices are removed with it. The answer is the same for every address.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[ChangeAttributes, Meta],
        accepts={JSON: RecoveryBody},
        statuses=(202,),
        problems=(BAD_REQUEST, KDF_UNKNOWN, TRANSACTION_UNFIT, VERSION_CHANGED, TOO_MANY_TRIES),
        tag="changes",
    ),
)
