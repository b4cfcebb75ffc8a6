"""Strkey: keys and ids as text that a person can copy and a checksum guards.

One version byte, 32 bytes, a CRC-16 (XModem, little-endian), together 56 characters of base32
without padding. `G` accounts and `S` seeds are those of Stellar (SEP-23), `B` balances of TokenD.
It knows text and bytes, not whether what they name exists. Errors never repeat the text: it may be
a secret.
"""

import base64
import binascii
import re

from schemas.generated.common import AccountID, BalanceID

TEXT_LENGTH = 56
PAYLOAD_BYTES = 32

# The upper five bits of a version byte make the first letter.
_ACCOUNT_ID = 6 << 3
_SEED = 18 << 3
_BALANCE_ID = 1 << 3
_NAMES = {_ACCOUNT_ID: "an account id (G...)", _SEED: "a seed (S...)"}
_NAMES[_BALANCE_ID] = "a balance id (B...)"

_ALPHABET = re.compile("[A-Z2-7]*")


class StrkeyError(ValueError):
    """The text is not the strkey that was asked for; the message says in what."""


def encode_account_id(account_id: bytes) -> str:
    """`G...` of 32 bytes: an account, a signer's or a node's public key. Raises StrkeyError."""
    return _encode(_ACCOUNT_ID, account_id)


def decode_account_id(text: str) -> AccountID:
    """The 32 bytes of `G...`. Raises StrkeyError unless it is spelt the one right way."""
    return AccountID(_decode(_ACCOUNT_ID, text))


def encode_seed(seed: bytes) -> str:
    """`S...` of a 32-byte Ed25519 seed. The result is a secret. Raises StrkeyError."""
    return _encode(_SEED, seed)


def decode_seed(text: str) -> bytes:
    """The 32 secret bytes of `S...`. Raises StrkeyError unless it is spelt the one right way."""
    return _decode(_SEED, text)


def encode_balance_id(balance_id: bytes) -> str:
    """`B...` of 32 bytes. Raises StrkeyError."""
    return _encode(_BALANCE_ID, balance_id)


def decode_balance_id(text: str) -> BalanceID:
    """The 32 bytes of `B...`. Raises StrkeyError unless it is spelt the one right way."""
    return BalanceID(_decode(_BALANCE_ID, text))


def _encode(version: int, payload: bytes) -> str:
    if len(payload) != PAYLOAD_BYTES:
        raise StrkeyError(f"{_NAMES[version]} is made of 32 bytes, not of {len(payload)}")
    body = bytes([version]) + payload
    return base64.b32encode(body + _compute_checksum(body)).decode("ascii")


def _decode(version: int, text: str) -> bytes:
    if len(text) != TEXT_LENGTH:
        raise StrkeyError(f"{_NAMES[version]} has {TEXT_LENGTH} characters, this has {len(text)}")
    if not _ALPHABET.fullmatch(text):
        raise StrkeyError(f"{_NAMES[version]} is made of A-Z and 2-7 only, in capitals")
    decoded = base64.b32decode(text)
    if decoded[0] != version:
        found = _NAMES.get(decoded[0], "something else")
        raise StrkeyError(f"expected {_NAMES[version]}, this is {found}: check what was copied")
    if decoded[-2:] != _compute_checksum(decoded[:-2]):
        raise StrkeyError(f"the checksum of {_NAMES[version]} is wrong: a character is mistyped")
    return decoded[1:-2]


def _compute_checksum(body: bytes) -> bytes:
    return binascii.crc_hqx(body, 0).to_bytes(2, "little")
