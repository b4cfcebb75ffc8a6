"""What is sealed to the Notificator, and what its database keeps encrypted.

Requests lie on topics for a week. Codes and addresses in them are sealed to the public key of a
week (an epoch); its private key is deleted 14 days after the week began, and then nobody can open
them. The database holds private keys encrypted under a key from the settings, so that a dump alone
opens nothing.
"""

import hmac
from hashlib import sha256
from typing import Any

import msgspec
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox

from schemas.generated.events import Sealed
from schemas.settings import Secret

WEEK_MS = 7 * 86_400_000
KEPT_MS = 2 * WEEK_MS


class Unopenable(Exception):
    """It was sealed to a key that is gone, or to another one."""


def get_epoch(now_ms: int) -> int:
    """The week: what is sealed now is sealed to its key."""
    return now_ms // WEEK_MS


def is_over(epoch: int, now_ms: int) -> bool:
    """Whether the private key of `epoch` must be gone."""
    return now_ms >= epoch * WEEK_MS + KEPT_MS


def seal(public_key: bytes, epoch: int, content: dict[str, Any]) -> Sealed:
    """What a producer does with a contact or a code. Boxes of equal rounded lengths look alike."""
    text = msgspec.json.encode(content)
    padded = text + b" " * (-len(text) % 64)
    return Sealed(epoch, SealedBox(PublicKey(public_key)).encrypt(padded))


def unseal(private_key: bytes, box: bytes) -> dict[str, Any]:
    """Raises `Unopenable`."""
    try:
        content = msgspec.json.decode(SealedBox(PrivateKey(private_key)).decrypt(box))
    except (CryptoError, msgspec.DecodeError, ValueError):
        raise Unopenable("it was sealed to another key") from None
    if not isinstance(content, dict):
        raise Unopenable("it is no JSON object")
    return content


class Vault:
    """Encrypts what the database keeps, under the key of the settings; hashes addresses by it."""

    def __init__(self, key: Secret) -> None:
        secret = key.reveal().encode()
        self._box = SecretBox(sha256(b"tokend-notificator-vault" + secret).digest())
        self._pepper = sha256(b"tokend-notificator-address" + secret).digest()
        self._leaving = sha256(b"tokend-notificator-leaving" + secret).digest()

    def encrypt(self, content: bytes) -> bytes:
        return bytes(self._box.encrypt(content))

    def decrypt(self, content: bytes) -> bytes:
        """Raises `Unopenable`."""
        try:
            return self._box.decrypt(content)
        except (CryptoError, ValueError):
            raise Unopenable("it was encrypted under another key of the settings") from None

    def make_leaving_key(self, account: str, type_: str) -> str:
        """Whoever has it may end the account's messages of this type: it stands in each of them."""
        mark = hmac.digest(self._leaving, f"{account}.{type_}".encode(), sha256).hex()[:32]
        return f"{account}.{type_}.{mark}"

    def hash_address(self, channel: str, address: str) -> bytes:
        """Names an address without telling it."""
        return sha256(self._pepper + f"{channel}:{address.lower()}".encode()).digest()
