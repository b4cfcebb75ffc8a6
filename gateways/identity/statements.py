"""Registration statements: the KeyServer says that whoever holds `signer` reads mail at an address.

The API verifies one and creates the account on the ledger. Signed are the exact bytes, with the
network's id. `account` is what the holder of `signer` claims: an account may only be created for it
if the two are equal; otherwise the ledger must say that `signer` is one of its signers. Pure: keys
and times are given.
"""

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from schemas.strkey import StrkeyError, decode_account_id

VERSION = 1
BYTES_MAX = 1_024
_DOMAIN = b"tokend-registration"


class StatementError(ValueError):
    """It is not a statement of the KeyServer for this network."""


class RegistrationStatement(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """`email_hash`: hex, of `gateways.identity.emails`. `account`, `signer`: G...
    `has_second_factor`: whether the wallet wanted one when it was issued; absent means no.
    """

    version: int
    email_hash: str
    account: str
    signer: str
    issued_at_ms: int
    has_second_factor: bool = False


def make_statement(
    key: SigningKey, network_id: bytes, statement: RegistrationStatement
) -> tuple[bytes, bytes]:
    """The bytes and their signature."""
    body = msgspec.json.encode(statement)
    return body, key.sign(_DOMAIN + network_id + body).signature


def verify_statement(
    public_key: bytes, network_id: bytes, body: bytes, signature: bytes
) -> RegistrationStatement:
    """Raises StatementError. How old it may be is for the caller to say."""
    if len(body) > BYTES_MAX:
        raise StatementError(f"a statement has at most {BYTES_MAX} bytes")
    try:
        VerifyKey(public_key).verify(_DOMAIN + network_id + body, signature)
    except (BadSignatureError, ValueError, TypeError):
        text = "the statement is not signed by the KeyServer of this network"
        raise StatementError(text) from None
    try:
        statement = msgspec.json.decode(body, type=RegistrationStatement)
        decode_account_id(statement.account)
        decode_account_id(statement.signer)
        digest = bytes.fromhex(statement.email_hash)
    except (msgspec.DecodeError, StrkeyError, ValueError):
        raise StatementError("the statement cannot be read") from None
    if statement.version != VERSION or len(digest) != 32:
        raise StatementError(f"expected a statement of version {VERSION}")
    return statement
