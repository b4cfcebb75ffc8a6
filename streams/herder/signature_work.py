"""What the verification workers do: all signatures of an envelope, in one call. Pure."""

from collections.abc import Sequence

from streams.ledger.admission import Candidate
from streams.ledger.signatures import is_valid_signature

# Hash, its signers and their signatures; then key, message and signature of every further one.
SignatureJob = tuple[
    bytes, tuple[bytes, ...], tuple[bytes, ...], tuple[tuple[bytes, bytes, bytes], ...]
]


def make_job(candidate: Candidate) -> SignatureJob:
    further = tuple((m.public_key, m.message, m.signature) for m in candidate.signed_messages)
    return candidate.transaction_hash, candidate.signers, candidate.signatures, further


def find_false_signatures(jobs: Sequence[SignatureJob]) -> list[bytes | None]:
    """Per job the key whose signature is the first false one, or None."""
    return [_find_false_signature(*job) for job in jobs]


def _find_false_signature(
    message: bytes,
    signers: tuple[bytes, ...],
    signatures: tuple[bytes, ...],
    further: tuple[tuple[bytes, bytes, bytes], ...],
) -> bytes | None:
    for signer, signature in zip(signers, signatures, strict=True):
        if not is_valid_signature(signer, message, signature):
            return signer
    for signer, other, signature in further:
        if not is_valid_signature(signer, other, signature):
            return signer
    return None
