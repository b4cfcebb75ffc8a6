"""Rows of wallets, how they are opened, and what the KeyServer says of them to the API."""

import hmac
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from gateways.identity.emails import compute_email_hash
from gateways.identity.statements import VERSION, RegistrationStatement, make_statement
from gateways.keyserver.names import name_email, name_verifier
from gateways.keyserver.service import KeyServer
from gateways.sealing.keks import KeyEncryptionKeys
from schemas.generated.common import PublicKey
from schemas.strkey import encode_account_id

COLUMNS = (
    "w.id, w.email_lookup, w.email, w.locale, w.account, w.signer, w.recovery, w.version, w.entry,"
    " w.kdf, w.verifier, w.envelope, w.totp_secret, w.totp_step"
)


class Wallet(NamedTuple):
    """A row as it is stored, in the order of `COLUMNS`."""

    id: UUID
    email_lookup: bytes
    email: bytes
    locale: str
    account: bytes
    signer: bytes
    recovery: bytes
    version: int
    entry: UUID
    kdf: int
    verifier: bytes
    envelope: bytes
    totp_secret: bytes | None
    totp_step: int


def read_wallet(row: Sequence[Any]) -> Wallet:
    """The first columns of `row`."""
    return Wallet(*row[: len(Wallet._fields)])


def is_verifier(keys: KeyEncryptionKeys, wrapped: bytes, entry: UUID, key: bytes | None) -> bool:
    """Whether `key` is the one that is wrapped."""
    known = keys.unwrap(wrapped, name_verifier(entry))
    return key is not None and hmac.compare_digest(known, key)


def open_email(keys: KeyEncryptionKeys, wallet: Wallet) -> str:
    return keys.unwrap(wallet.email, name_email(wallet.email_lookup)).decode()


class Vouched(NamedTuple):
    """A registration statement, as clients hand it to the API."""

    body: bytes
    signature: bytes


def vouch(
    keyserver: KeyServer,
    email: str,
    account: bytes,
    signer: bytes,
    *,
    has_second_factor: bool = False,
) -> Vouched:
    """That whoever holds `signer` reads mail at `email`, now."""
    statement = RegistrationStatement(
        version=VERSION,
        email_hash=compute_email_hash(email).hex(),
        account=encode_account_id(PublicKey(account)),
        signer=encode_account_id(PublicKey(signer)),
        issued_at_ms=time.time_ns() // 1_000_000,
        has_second_factor=has_second_factor,
    )
    return Vouched(*make_statement(keyserver.statement_key, keyserver.network_id, statement))
