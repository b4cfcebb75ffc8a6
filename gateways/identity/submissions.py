"""What a submission of KYC data commits to, on which client, API and reviewer agree. Pure.

The commitment is SHA-256(salt || manifest). The manifest is canonical JSON that names the account,
the form's schema, the end of validity, and of the form and each document the KeyChain's key and the
SHA-256 of the sealed bytes. Sealed bytes and key decide what they open to; so nothing of it can be
exchanged afterwards, and without the salt nothing can be told from the commitment.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

SALT_BYTES = 32
FORM = "form"


@dataclass(frozen=True, slots=True)
class SealedPart:
    """The form or a document. `key_id`, `public_key`: of the KeyChain's key that opens it."""

    class_: str
    key_id: bytes
    public_key: bytes
    sha256: bytes


@dataclass(frozen=True, slots=True)
class Submission:
    """`account`: G... `documents`: by slot. `valid_until`: YYYY-MM-DD; empty: without an end."""

    account: str
    schema_id: int
    form: SealedPart
    documents: Mapping[str, SealedPart]
    valid_until: str = ""


def encode_manifest(submission: Submission) -> bytes:
    """Equal bytes for equal submissions."""
    content = {
        "account": submission.account,
        "schema_id": str(submission.schema_id),
        "valid_until": submission.valid_until,
        "form": _describe(submission.form),
        "documents": {slot: _describe(each) for slot, each in submission.documents.items()},
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def compute_commitment(salt: bytes, submission: Submission) -> bytes:
    """`salt`: SALT_BYTES random bytes."""
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return sha256(salt + encode_manifest(submission)).digest()


def _describe(part: SealedPart) -> dict[str, str]:
    return {
        "class": part.class_,
        "key_id": part.key_id.hex(),
        "public_key": part.public_key.hex(),
        "sha256": part.sha256.hex(),
    }
