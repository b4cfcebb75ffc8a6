"""How a secret opens a wallet: keys derived from it, and the envelope that they close. Pure.

    root     = Argon2id(u32 length of the secret || secret || e-mail as typed, salt)
    auth     = Ed25519 key of the seed HKDF-SHA256(root, "tokend-keyserver-auth-v1")
    key      = HKDF-SHA256(root, "tokend-keyserver-envelope-v1")
    envelope = 1 || u32 version || nonce (24) || XChaCha20-Poly1305(key, JSON)

The envelope's associated data are its account, version and derivation, so that a server can put
none in the place of another. All integers are big-endian; texts are UTF-8. Published vectors:
`gateways/client/examples/wallet_vectors.json`.
"""

import hmac
import json
import struct
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.pwhash import argon2id
from nacl.signing import SigningKey
from nacl.utils import random

from gateways.client.errors import ClientError
from gateways.client.keys import get_address, get_seed, read_seed
from schemas.strkey import decode_account_id

FORMAT = 1
MEMORY_KIB_MIN, PASSES_MIN = 65_536, 3
MEMORY_KIB_MAX, PASSES_MAX = 1_048_576, 20
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 24, 32
UNKNOWN_VERSION = 0
"""Of an envelope made by a recovery: who recovers cannot know the wallet's version."""
_HEAD = struct.Struct(">BI")
_AUTH, _ENVELOPE = b"tokend-keyserver-auth-v1", b"tokend-keyserver-envelope-v1"


class WeakDerivation(ClientError):
    """A server names parameters that would make guessing cheap, or is not one we know."""


class WrongEnvelope(ClientError):
    """The server's envelope is not what this secret closed for this account and version."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """Argon2id's parameters, under a number."""

    version: int
    memory_kib: int
    passes: int
    lanes: int


@dataclass(frozen=True, slots=True)
class SecretKeys:
    """What follows from a secret. `auth` signs requests; `envelope` closes envelopes."""

    auth: SigningKey
    envelope: bytes
    derivation: Derivation


@dataclass(frozen=True, slots=True)
class Content:
    """What lies in an envelope. `recovery`: the address of the recovery seed."""

    account: str
    key: SigningKey
    recovery: str


def read_derivation(described: dict[str, Any]) -> Derivation:
    """As /v1/kdf lists it. Raises WeakDerivation."""
    try:
        derivation = Derivation(*(int(described[name]) for name in Derivation.__slots__))
        algorithm = described["algorithm"]
    except (KeyError, TypeError, ValueError):
        raise WeakDerivation("the server's key derivation cannot be read") from None
    if algorithm != "argon2id" or derivation.lanes != 1:
        raise WeakDerivation("expected Argon2id with one lane: get a newer client")
    is_strong = derivation.memory_kib >= MEMORY_KIB_MIN and derivation.passes >= PASSES_MIN
    is_possible = derivation.memory_kib <= MEMORY_KIB_MAX and derivation.passes <= PASSES_MAX
    if not is_strong or not is_possible:
        raise WeakDerivation(
            f"the server asks for {derivation.memory_kib} KiB and {derivation.passes} passes: "
            "too weak, or too much. Do not type your secret there"
        )
    return derivation


def derive_keys(secret: str, email: str, salt: bytes, derivation: Derivation) -> SecretKeys:
    """Takes half a second. `email`: as it was typed at sign-up."""
    if len(salt) != SALT_BYTES:
        raise WeakDerivation("the server's salt is not of 16 bytes")
    typed = secret.encode()
    root = argon2id.kdf(
        KEY_BYTES,
        struct.pack(">I", len(typed)) + typed + email.encode(),
        salt,
        opslimit=derivation.passes,
        memlimit=derivation.memory_kib * 1024,
    )
    auth = SigningKey(expand(root, _AUTH))
    return SecretKeys(auth, expand(root, _ENVELOPE), derivation)


def expand(root: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) without a salt, 32 bytes."""
    extracted = hmac.digest(b"\0" * 32, root, sha256)
    return hmac.digest(extracted, info + b"\x01", sha256)


def seal_envelope(
    keys: SecretKeys, content: Content, version: int, nonce: bytes | None = None
) -> bytes:
    """`nonce`: random unless given, for vectors."""
    text = {
        "account": content.account,
        "recovery": content.recovery,
        "seed": get_seed(content.key),
    }
    nonce = random(NONCE_BYTES) if nonce is None else nonce
    sealed: bytes = crypto_aead_xchacha20poly1305_ietf_encrypt(
        json.dumps(text, separators=(",", ":")).encode(),
        _associate(keys.derivation, content.account, version),
        nonce,
        keys.envelope,
    )
    return _HEAD.pack(FORMAT, version) + nonce + sealed


def open_envelope(keys: SecretKeys, envelope: bytes, account: str, version: int) -> Content:
    """`version`: as the server says. Raises WrongEnvelope."""
    try:
        form, own = _HEAD.unpack_from(envelope)
        if form != FORMAT or own not in (version, UNKNOWN_VERSION):
            raise WrongEnvelope(f"the envelope is of version {own}, the wallet of {version}")
        nonce = envelope[_HEAD.size : _HEAD.size + NONCE_BYTES]
        text = crypto_aead_xchacha20poly1305_ietf_decrypt(
            envelope[_HEAD.size + NONCE_BYTES :],
            _associate(keys.derivation, account, own),
            nonce,
            keys.envelope,
        )
        found = json.loads(text)
        content = Content(found["account"], read_seed(found["seed"]), found["recovery"])
    except (CryptoError, struct.error, ValueError, KeyError, TypeError):
        raise WrongEnvelope("this secret did not close this envelope for this account") from None
    if content.account != account:
        raise WrongEnvelope("the envelope holds the key of another account")
    return content


def make_content(key: SigningKey, recovery: SigningKey) -> Content:
    """Of a new account, which is named by its first key."""
    return Content(get_address(key), key, get_address(recovery))


def _associate(derivation: Derivation, account: str, version: int) -> bytes:
    parameters = (version, *(getattr(derivation, name) for name in Derivation.__slots__))
    return b"tokend-envelope" + decode_account_id(account) + struct.pack(">5I", *parameters)
