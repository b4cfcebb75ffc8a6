"""Who proves the secret enters: the one place that evaluates secrets, for every route that asks.

The request is signed by the authentication key that follows from the secret. A try is reserved in
the same statement that reads the wallet, before anything is compared, and an address without a
wallet takes the same way with a verifier that nobody has. Only mistakes count.
"""

import struct
import time
from typing import Annotated, Any, NamedTuple
from uuid import UUID

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from gateways.http.problems import BAD_REQUEST, FORBIDDEN, TOO_MANY_TRIES, Problem
from gateways.http.rate_limits import get_client
from gateways.http.routes import Call
from gateways.http.signatures import LIFETIME_SECONDS, SKEW_SECONDS, get_authority
from gateways.http.strict_counters import (
    RELEASE,
    RESERVE,
    StrictLimit,
    get_values,
    hash_subject,
    require_turn,
)
from gateways.keyserver import factors
from gateways.keyserver.answers import Address, Body, KeyText, read_email, read_key
from gateways.keyserver.limits import SECRETS, SECRETS_OF_DEVICE
from gateways.keyserver.names import get_code_lookup, get_email_lookup, name_history
from gateways.keyserver.problems import (
    CHANGE_UNDECIDED,
    DEVICE_UNKNOWN,
    SECOND_FACTOR_REQUIRED,
    SECOND_FACTOR_WRONG,
    SECRET_WRONG,
)
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settling import settle_changes
from gateways.keyserver.wallets import COLUMNS, Wallet, is_verifier, read_wallet

DEVICE_DOMAIN = b"tokend-device"
READ = (
    f" {COLUMNS}, d.id, coalesce(d.trusted_until > now(), false),"  # noqa: S608
    " array(select c.id from keyserver.changes c where c.wallet = w.id order by c.id),"
    " array(select c.verifier from keyserver.changes c where c.wallet = w.id order by c.id)"
    " from (select 1) one left join keyserver.wallets w on w.email_lookup = %s"
    " left join keyserver.devices d on d.wallet = w.id and d.key = %s"
)
# The lane of a known device is for its owner alone; everybody else shares the other one.
RESERVE_AND_READ = f"select case when d.id is null then {RESERVE} else {RESERVE} end,{READ}"
ONLY_READ = f"select 0::float8,{READ}"
USE_LANE = (
    "update keyserver.lanes l set tries_left = tries_left - 1 from keyserver.wallets w"
    " where l.code_lookup = %s and l.wallet = w.id and w.email_lookup = %s"
    " and l.tries_left > 0 and l.expires_at > now() returning 1"
)
NOTE_WRONG = (
    "insert into keyserver.history (wallet, event, address)"
    " select id, 'SECRET_WRONG', null from keyserver.wallets where email_lookup = %s"
)
NOTE = f"with released as ({RELEASE}) insert into keyserver.history" + (  # noqa: S608
    " (wallet, event, device, address) values (%s, %s, %s, %s)"
)

ENTRY_PROBLEMS = (
    BAD_REQUEST,
    SECRET_WRONG,
    SECOND_FACTOR_REQUIRED,
    SECOND_FACTOR_WRONG,
    DEVICE_UNKNOWN,
    CHANGE_UNDECIDED,
    TOO_MANY_TRIES,
)


class DeviceProof(Body, frozen=True):
    """A device's key over "tokend-device", the gateway's authority, a zero byte, the authentication
    key and the time (u64, big-endian): within a minute, for this secret alone.
    """

    key: KeyText
    at_ms: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
    signature: Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class EntryBody(Body, frozen=True):
    """What every request that proves the secret has. `second_factor`: the authenticator's code, or
    a recovery code. `lane`: a code that was mailed. `device`: of the device that asks.
    """

    email: Address
    second_factor: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    lane: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    device: DeviceProof | None = None


class Entered(NamedTuple):
    """Whose secret was proved. `device`: its known device, if it is one; `device_key`: of one that
    proved itself, known or not.
    """

    wallet: Wallet
    email: str
    device: UUID | None
    device_key: bytes | None


class _Seen(NamedTuple):
    """A row of `READ`."""

    wallet: Wallet
    device: UUID | None
    is_trusted: bool
    changes: list[UUID]
    verifiers: list[bytes]


async def guard_signed(call: Call) -> None:
    """Whose key it is the handler asks, once the nonce is used: a replay must not be a guess."""
    if call.signer is None:
        raise Problem(FORBIDDEN, "sign the request")


async def enter(call: Call, body: EntryBody, event: str, *, always_second: bool = True) -> Entered:
    """`event`: for the history. `always_second`: also of a device that is trusted to unlock.

    Raises Problem.
    """
    keyserver: KeyServer = call.service
    email = read_email(body.email)
    lookup = get_email_lookup(keyserver.keks, email)
    device_key = None if body.device is None else _verify_device(call, body.device)
    seen, limit, subject = await _read(keyserver, body.lane, lookup, device_key)
    seen = await _compare(call, seen, lookup)
    wallet, counted = seen.wallet, (limit.name, subject)
    if wallet.totp_secret is not None and (always_second or not seen.is_trusted):
        await keyserver.store.execute(RELEASE, counted)  # the secret was right
        await factors.require(keyserver, wallet, body.second_factor)
        counted = ("", b"")
    address = keyserver.keks.wrap(_get_address(call), name_history(wallet.id))
    await keyserver.store.execute(NOTE, (*counted, wallet.id, event, seen.device, address))
    return Entered(wallet, email, seen.device, device_key)


async def _read(
    keyserver: KeyServer, lane: str | None, lookup: bytes, device_key: bytes | None
) -> tuple[_Seen, StrictLimit, bytes]:
    """The row, once a try is reserved, and what was counted."""
    general, own = hash_subject(lookup.hex()), hash_subject(f"{lookup.hex()}/{device_key!r}")
    if lane is not None:
        code = get_code_lookup(keyserver.keks, lookup.hex(), factors.normalise_code(lane))
        if await keyserver.store.execute(USE_LANE, (code, lookup)):
            (row,) = await keyserver.store.execute(ONLY_READ, (lookup, device_key))
            return _read_row(row), SECRETS, b""
    limits = (*get_values(SECRETS, general), *get_values(SECRETS_OF_DEVICE, own))
    (row,) = await keyserver.store.execute(RESERVE_AND_READ, (*limits, lookup, device_key))
    require_turn(row[0])
    seen = _read_row(row)
    return (seen, SECRETS, general) if seen.device is None else (seen, SECRETS_OF_DEVICE, own)


def _read_row(row: Any) -> _Seen:
    wallet = read_wallet(row[1:])
    return _Seen(wallet, *row[1 + len(wallet) :])


async def _compare(call: Call, seen: _Seen, lookup: bytes) -> _Seen:
    """Raises Problem unless the signer is the wallet's verifier. While the ledger decides on the
    next version, it is asked once either secret is proved.
    """
    keyserver: KeyServer = call.service
    keys, key = keyserver.keks, call.signer
    verifier, entry = seen.wallet.verifier, seen.wallet.entry
    if seen.wallet.id is None:
        verifier, entry = keyserver.nobodys_verifier, keyserver.nobody
    is_current = is_verifier(keys, verifier, entry, key)
    pending = [
        change
        for change, wrapped in zip(seen.changes, seen.verifiers, strict=True)
        if is_verifier(keys, wrapped, change, key)
    ]
    if not is_current and not pending:
        await keyserver.store.execute(NOTE_WRONG, (lookup,))
        raise Problem(SECRET_WRONG, "the secret does not open a wallet of this address")
    if seen.changes:
        await settle_changes(keyserver, seen.wallet.id)
        (row,) = await keyserver.store.execute(ONLY_READ, (lookup, None))
        now = _read_row(row)
        if not is_verifier(keys, now.wallet.verifier, now.wallet.entry, key):
            if pending and set(pending) & set(now.changes):
                raise Problem(CHANGE_UNDECIDED, "the ledger has not decided on the new secret yet")
            raise Problem(SECRET_WRONG, "the secret does not open a wallet of this address")
        return now._replace(device=seen.device, is_trusted=seen.is_trusted)
    return seen


def _verify_device(call: Call, proof: DeviceProof) -> bytes:
    """The device's key. Raises Problem."""
    key = read_key(proof.key, "device.key")
    now_ms = time.time_ns() // 1_000_000
    if not -SKEW_SECONDS * 1_000 <= now_ms - proof.at_ms <= LIFETIME_SECONDS * 1_000:
        raise Problem(BAD_REQUEST, "device.at_ms: now, by this server's clock")
    signed = make_device_message(get_authority(call.public_url), call.signer or b"", proof.at_ms)
    try:
        VerifyKey(key).verify(signed, proof.signature)
    except (BadSignatureError, ValueError):
        raise Problem(BAD_REQUEST, "device.signature: not the device's over this") from None
    return key


def make_device_message(authority: str, key: bytes, at_ms: int) -> bytes:
    """What a device signs. `key`: the authentication key."""
    return DEVICE_DOMAIN + authority.encode() + b"\0" + key + struct.pack(">Q", at_ms)


def _get_address(call: Call) -> bytes:
    client = call.request.client
    return get_client("" if client is None else client.host).encode()
