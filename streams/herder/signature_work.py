"""What the verification workers do: all signatures of an envelope, in one call. Pure."""

from collections.abc import Sequence

from streams.ledger.admission import Candidate
from streams.ledger.signatures import is_valid_signature

SignatureJob = tuple[bytes, tuple[bytes, ...], tuple[bytes, ...]]  # hash, signers, signatures


def make_job(candidate: Candidate) -> SignatureJob:
    return candidate.transaction_hash, candidate.signers, candidate.signatures


def find_false_signatures(jobs: Sequence[SignatureJob]) -> list[int | None]:
    """Per job the index of the first false signature, or None."""
    return [_find_false_signature(*job) for job in jobs]


def _find_false_signature(
    message: bytes, signers: tuple[bytes, ...], signatures: tuple[bytes, ...]
) -> int | None:
    for index, (signer, signature) in enumerate(zip(signers, signatures, strict=True)):
        if not is_valid_signature(signer, message, signature):
            return index
    return None
