"""Files for banks: text that people read, signed by ordinary Ed25519 keys.

The bank sees none of these signatures; they are the cosigners' agreement to the upload.
"""

from hashlib import sha256

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from processors.psim.chains.adapter import CosignerKey, PayloadUnreadable
from processors.psim.chains.signers import SignDigest
from schemas.generated.common import Hash, LedgerKeyOfCosigner

DOMAIN = b"tokend-bank-file"


class BankAdapter:
    """A `ChainAdapter`."""

    def describe(self, payload: bytes) -> list[str]:
        return _read(payload).splitlines()

    def sign(self, network_id: Hash, payload: bytes, key: CosignerKey, sign: SignDigest) -> bytes:
        del key  # it signs by itself, without a path
        return sign((), compute_digest(network_id, payload))

    def is_signature(
        self, network_id: Hash, payload: bytes, signature: bytes, key: CosignerKey
    ) -> bool:
        if not isinstance(key, LedgerKeyOfCosigner):
            return False
        try:
            VerifyKey(key.public_key).verify(compute_digest(network_id, payload), signature)
        except (BadSignatureError, ValueError):
            return False
        return True


def compute_digest(network_id: Hash, payload: bytes) -> bytes:
    """H("tokend-bank-file" || network id || H(file)). Raises `PayloadUnreadable`."""
    _read(payload)
    return sha256(DOMAIN + network_id + sha256(payload).digest()).digest()


def _read(payload: bytes) -> str:
    """Text without characters that a terminal obeys or does not show."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise PayloadUnreadable("the bank's file is no UTF-8 text: do not sign it") from None
    if not all(each.isprintable() for each in text.replace("\t", " ").splitlines()):
        raise PayloadUnreadable("the bank's file has characters that cannot be shown")
    return text
