"""What instances sign of a report on reserves."""

from hashlib import sha256

from schemas.generated.common import Hash

DOMAIN = b"tokend-reserves"


def compute_reserve_payload(report: bytes) -> Hash:
    """`report`: the bytes of a ReserveReport."""
    return Hash(sha256(DOMAIN + sha256(report).digest()).digest())
