"""Keys of users: seeds `S...`, addresses `G...`. A seed is secret and never shown by accident."""

from nacl.signing import SigningKey

from schemas.generated.common import AccountID, PublicKey
from schemas.strkey import decode_seed, encode_account_id, encode_seed

__all__ = [
    "SigningKey",
    "generate_key",
    "get_account_id",
    "get_address",
    "get_public_key",
    "get_seed",
    "read_seed",
]


def generate_key() -> SigningKey:
    """A new random Ed25519 key."""
    return SigningKey.generate()


def read_seed(text: str) -> SigningKey:
    """The key of a seed `S...`. Raises StrkeyError, which does not repeat the seed."""
    return SigningKey(decode_seed(text.strip()))


def get_seed(key: SigningKey) -> str:
    """`S...`: the secret itself."""
    return encode_seed(bytes(key))


def get_account_id(key: SigningKey) -> AccountID:
    return AccountID(bytes(key.verify_key))


def get_public_key(key: SigningKey) -> PublicKey:
    return PublicKey(bytes(key.verify_key))


def get_address(key: SigningKey) -> str:
    """`G...`: the address of the key, and of the account that it names."""
    return encode_account_id(bytes(key.verify_key))
