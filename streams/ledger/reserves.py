"""What instances sign of a report on reserves, and on which side its items stand."""

from hashlib import sha256

from schemas.generated.common import Hash
from schemas.generated.events import ReserveItemKind

DOMAIN = b"tokend-reserves"
HELD = (
    ReserveItemKind.PAID,
    ReserveItemKind.DEBT,
    ReserveItemKind.TAKEN_BACK,
    ReserveItemKind.CHARGED,
)
"""What counts with holdings; the other kinds count with what is owed."""


def compute_reserve_payload(report: bytes) -> Hash:
    """`report`: the bytes of a ReserveReport."""
    return Hash(sha256(DOMAIN + sha256(report).digest()).digest())
