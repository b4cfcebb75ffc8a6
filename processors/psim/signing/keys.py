"""The key of an instance, behind the one function that rules need of it."""

from collections.abc import Callable
from typing import NamedTuple

from nacl.signing import SigningKey

from schemas.generated.common import Hash, PublicKey, Signature
from schemas.settings import ConfigError
from schemas.strkey import StrkeyError, decode_seed


class KeySigner(NamedTuple):
    """`sign`: Ed25519 over a transaction's hash."""

    public_key: PublicKey
    sign: Callable[[Hash], Signature]


def read_key(seed: str) -> KeySigner:
    """From the text of a seed (S...). Raises `ConfigError`."""
    try:
        key = SigningKey(decode_seed(seed.strip()))
    except StrkeyError as error:
        raise ConfigError(f"seed: {error}") from None
    return KeySigner(
        PublicKey(bytes(key.verify_key)), lambda data: Signature(key.sign(data).signature)
    )
