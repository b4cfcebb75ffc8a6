"""The one function by which nodes verify Ed25519 signatures, under ZIP 215.

Libraries differ on edge cases (points of small order, non-canonical encodings, mixed order), and
two nodes that differ on one signature no longer agree on a ledger. ZIP 215 leaves nothing open: S
must be canonical, A and R may be any encodings that decode to points, and the equation is the
cofactored one. So nothing else in a node may verify. It signs nothing, and what is signed is not
known here.
"""

from typing import NamedTuple

import ed25519_zebra

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class SignedMessage(NamedTuple):
    """A signature and what it must be over."""

    public_key: bytes
    message: bytes
    signature: bytes


def is_valid_signature(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is one of `public_key` over exactly `message`, as ZIP 215 defines it.

    The same answer on every machine; garbage of any length is no signature. Takes about 30 us and
    holds the interpreter's lock, so that shells call it in worker processes for whole batches.
    """
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    return bool(ed25519_zebra.ed_verify(signature, message, public_key))
