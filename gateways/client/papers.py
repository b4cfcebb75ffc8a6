"""KYC papers on a user's machine: seal and hand in, fetch and open.

Everything is sealed to a key of the KeyChain before it leaves, and what comes back is compared with
the commitment in the ledger before anything is opened. API and its bucket are not trusted.
"""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey

from gateways.client.answers import Json
from gateways.client.errors import ClientError
from gateways.client.keychain import KeyChainClient
from gateways.client.kyc import KycClient
from gateways.client.sealed_documents import DocumentUnopenable, open_document, seal_document
from gateways.identity.fields import FieldsInvalid, validate_fields
from gateways.identity.submissions import (
    SALT_BYTES,
    SealedPart,
    Submission,
    compute_commitment,
)
from schemas.generated.common import AccountID, Hash, KycCommitment
from schemas.generated.operations import CreateChangeRoleRequest

PIECE_BYTES = 1024 * 1024
FORM_SUBJECT = "form"


class SwapNoticed(ClientError):
    """What API shows is not what the ledger's request commits to."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What was handed in, for `make_request`."""

    commitment: bytes
    schema_id: int
    role_id: int


@dataclass(frozen=True, slots=True)
class SealedPaper:
    """A part of a submission as API shows it, which the commitment covers. `key_id`: in hex."""

    slot: str
    class_: str
    key_id: str
    public_key: bytes
    sha256: bytes
    length: int
    url: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A submission that is the one which the ledger's request commits to."""

    form: SealedPaper
    sealed_form: bytes
    documents: tuple[SealedPaper, ...]
    valid_until: str


def hand_in(
    kyc: KycClient,
    keychain: KeyChainClient,
    account: str,
    role_id: str,
    fields: Mapping[str, Any],
    papers: Mapping[str, Path],
    folder: Path,
    valid_until: str | None = None,
) -> Handed:
    """`fields`: of the form; `papers`: files by slot; `folder`: for sealed files. Raises
    ClientError.
    """
    form = kyc.find_form(role_id)
    attributes = form["attributes"]
    try:
        validate_fields(attributes["schema"], fields)
    except FieldsInvalid as error:
        raise ClientError(str(error)) from None
    slots = attributes["documents"]
    documents, parts = _upload(kyc, keychain, account, slots, papers, folder)
    key = _make_key(keychain, account, attributes["class"], FORM_SUBJECT)
    content = json.dumps(fields, sort_keys=True).encode()
    sealed_form = b"".join(seal_document(bytes.fromhex(key["public_key"]), [content]))
    salt = secrets.token_bytes(SALT_BYTES)
    part = _make_part(attributes["class"], key, sha256(sealed_form).digest())
    submission = Submission(account, int(form["id"]), part, parts, valid_until or "")
    commitment = compute_commitment(salt, submission)
    given = {
        "schema_id": form["id"],
        "form": base64.b64encode(sealed_form).decode(),
        "key_id": key["id"],
        "public_key": key["public_key"],
        "salt": salt.hex(),
        "documents": documents,
        "valid_until": valid_until,
    }
    if kyc.submit_form(account, given)["id"] != commitment.hex():
        raise SwapNoticed("API has noted something else than what was handed in")
    return Handed(commitment, int(form["id"]), int(role_id))


def make_request(
    account: AccountID, handed: Handed, request_id: int = 0
) -> CreateChangeRoleRequest:
    """For the ledger. `request_id`: of one that was rejected and is handed in again."""
    commitment = KycCommitment(Hash(handed.commitment), handed.schema_id)
    return CreateChangeRoleRequest(request_id, account, handed.role_id, commitment, None)


def verify_submission(attributes: Json, account: str, commitment: bytes, schema_id: int) -> Shown:
    """`attributes`: as API shows it; the others: as the ledger's request has them. Raises
    ClientError, SwapNoticed."""
    if attributes["erased_at"] is not None or attributes["salt"] is None:
        raise ClientError("the submission was erased")
    try:
        sealed_form = base64.b64decode(attributes["form"], validate=True)
        documents = tuple(
            _read_paper(slot, each) for slot, each in sorted(attributes["documents"].items())
        )
        form = SealedPaper(
            FORM_SUBJECT,
            attributes["class"],
            attributes["key_id"],
            bytes.fromhex(attributes["public_key"]),
            sha256(sealed_form).digest(),
            len(sealed_form),
            "",
        )
        salt, valid_until = bytes.fromhex(attributes["salt"]), attributes["valid_until"] or ""
        parts = {each.slot: _as_part(each) for each in documents}
        submission = Submission(account, schema_id, _as_part(form), parts, valid_until)
        found = compute_commitment(salt, submission)
    except (ValueError, TypeError, KeyError):
        raise SwapNoticed("what API shows is no submission") from None
    if found != commitment:
        raise SwapNoticed("what API shows is not what the request on the ledger commits to")
    return Shown(form, sealed_form, documents, valid_until)


def fetch_paper(
    kyc: KycClient, paper: SealedPaper, target: Path, server: str | None = None
) -> None:
    """The sealed bytes of a document into a file. `server`: as `KycClient.fetch_sealed` has it.
    Raises SwapNoticed, ClientError."""
    kyc.fetch_sealed(paper.url, target, paper.length, server)
    require_digest(paper, iter_pieces(target))


def require_digest(paper: SealedPaper, pieces: Iterator[bytes]) -> None:
    """Raises SwapNoticed."""
    digest = sha256()
    for piece in pieces:
        digest.update(piece)
    if digest.digest() != paper.sha256:
        raise SwapNoticed(f"{paper.slot}: the bucket's bytes are not those that were handed in")


def require_pair(paper: SealedPaper, private_key: bytes) -> None:
    """Whether the KeyChain gave the key that the commitment names. Raises SwapNoticed."""
    if bytes(PrivateKey(private_key).public_key) != paper.public_key:
        raise SwapNoticed(f"{paper.slot}: the KeyChain's key is not the one it was sealed to")


def open_paper(paper: SealedPaper, private_key: bytes, sealed: Iterator[bytes]) -> Iterator[bytes]:
    """Raises SwapNoticed, ClientError."""
    require_pair(paper, private_key)
    try:
        yield from open_document(private_key, sealed)
    except DocumentUnopenable as error:
        raise ClientError(f"{paper.slot}: {error}") from None


def iter_pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while piece := opened.read(PIECE_BYTES):
            yield piece


def _upload(
    kyc: KycClient,
    keychain: KeyChainClient,
    account: str,
    slots: Json,
    papers: Mapping[str, Path],
    folder: Path,
) -> tuple[dict[str, str], dict[str, SealedPart]]:
    """Ids by slot, and what the commitment says of them. Raises ClientError."""
    documents: dict[str, str] = {}
    parts: dict[str, SealedPart] = {}
    for slot, file in papers.items():
        wanted = slots.get(slot)
        if wanted is None:
            raise ClientError(f"the form has no document {slot}")
        if file.stat().st_size > wanted["bytes_max"]:
            raise ClientError(f"{slot}: at most {wanted['bytes_max']} bytes")
        sealed = folder / f"{slot}.sealed"
        key = _make_key(keychain, account, wanted["class"], slot)
        _seal_file(key, file, sealed)
        made = kyc.upload_document(account, wanted["class"], key, sealed)
        documents[slot] = made["id"]
        parts[slot] = _make_part(wanted["class"], key, bytes.fromhex(made["attributes"]["sha256"]))
    return documents, parts


def _make_key(keychain: KeyChainClient, account: str, class_: str, slot: str) -> Json:
    """A new one: a version never gets the key of another."""
    return keychain.create_key(account, class_, f"{slot}/{secrets.token_hex(8)}")


def _seal_file(key: Json, source: Path, target: Path) -> None:
    with target.open("wb") as file:
        for piece in seal_document(bytes.fromhex(key["public_key"]), iter_pieces(source)):
            file.write(piece)


def _make_part(class_: str, key: Json, digest: bytes) -> SealedPart:
    return SealedPart(class_, bytes.fromhex(key["id"]), bytes.fromhex(key["public_key"]), digest)


def _read_paper(slot: str, shown: Json) -> SealedPaper:
    return SealedPaper(
        slot,
        shown["class"],
        shown["key_id"],
        bytes.fromhex(shown["public_key"]),
        bytes.fromhex(shown["sha256"]),
        int(shown["bytes"]),
        shown["download_url"],
    )


def _as_part(paper: SealedPaper) -> SealedPart:
    return SealedPart(paper.class_, bytes.fromhex(paper.key_id), paper.public_key, paper.sha256)
