"""Verifies a proof offline: from the genesis that the verifier trusts to an entry, trusting no one.

The genesis names the validators; enough of them signed the header; the header commits to the state
root; the path leads from the root to the entry, or shows that there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateways.client.errors import ProofError, ProofFault
from schemas.codec import Malformed, decode, encode
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from schemas.generated.keys import Entry, get_key
from schemas.generated.ledger import Certificate, LedgerEntry, LedgerHeader, LedgerKey, StateProof
from streams.ledger.chain import compute_certificate
from streams.ledger.errors import GenesisError
from streams.ledger.genesis import GENESIS_SEQUENCE, decode_genesis, open_genesis
from streams.ledger.hashes import compute_hash, compute_header_payload
from streams.ledger.signatures import is_valid_signature
from streams.ledger.state_trie import verify_proof as verify_path


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the verifier trusts: a network, its validators, and the hash of one header."""

    network_id: Hash
    quorum_set: QuorumSet
    sequence: int
    header_hash: Hash


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """The state after ledger `sequence`. `entry` is None if there is none under `key`."""

    sequence: int
    header_hash: Hash
    close_time_ms: int
    state_root: Hash
    signed_by: int
    key: Any
    entry: Entry | None


def get_genesis_anchor(genesis: bytes, pinned_hash: bytes | None = None) -> Anchor:
    """From a genesis file's content, whose ledger must have `pinned_hash`, if given.

    A network that has changed its quorum set since needs the anchor of a later header. Raises
    ProofError.
    """
    try:
        opened = open_genesis(decode_genesis(genesis))
    except GenesisError as error:
        raise ProofError(ProofFault.WRONG_GENESIS, str(error)) from None
    if pinned_hash is not None and opened.closed.header_hash != pinned_hash:
        raise ProofError(
            ProofFault.WRONG_GENESIS,
            "the genesis file is not the pinned one: get the network's own",
        )
    return Anchor(
        opened.closed.header.network_id,
        opened.ledger.state.get_validators().quorum_set,
        GENESIS_SEQUENCE,
        opened.closed.header_hash,
    )


def get_proof_attributes(document: Any) -> Mapping[str, Any]:
    """Of a gateway's whole answer, or of its attributes alone. Raises ProofError."""
    if isinstance(document, dict) and isinstance(document.get("data"), dict):
        document = document["data"].get("attributes")
    if not isinstance(document, dict):
        raise ProofError(ProofFault.UNREADABLE, "this is no proof: save the gateway's answer")
    return document


def verify_proof(attributes: Mapping[str, Any], anchor: Anchor, key: bytes) -> ProvedEntry:
    """`attributes`: header, certificate, entry, proof as Horizon answers them (bytes in hex).

    `key`: LedgerKey bytes, the verifier's own and never those of the answer. Raises ProofError.
    """
    header_bytes = _read_hex(attributes, "header")
    entry_hex = attributes.get("entry")
    entry_bytes = None if entry_hex is None else _read_hex(attributes, "entry")
    try:
        header = decode(LedgerHeader, header_bytes)
        certificate = decode(Certificate, _read_hex(attributes, "certificate"))
        path = decode(StateProof, _read_hex(attributes, "proof"))
        entry = None if entry_bytes is None else decode(LedgerEntry, entry_bytes).data
        decoded_key = decode(LedgerKey, key).data
    except Malformed as error:
        raise ProofError(ProofFault.UNREADABLE, f"the proof cannot be read: {error}") from None
    header_hash = compute_hash(header_bytes)
    _check_header(anchor, header, header_hash, certificate)
    entry_hash = None if entry_bytes is None else compute_hash(entry_bytes)
    if not verify_path(header.state_root, compute_hash(key), entry_hash, path):
        text = f"the path does not lead to the state root of ledger {header.sequence}"
        raise ProofError(ProofFault.BAD_PATH, text)
    if entry is not None and get_key(entry) != key:
        raise ProofError(ProofFault.WRONG_ENTRY, "the entry is not the requested one")
    return ProvedEntry(
        header.sequence,
        header_hash,
        header.close_time_ms,
        header.state_root,
        len(certificate.signatures),
        decoded_key,
        entry,
    )


def _check_header(
    anchor: Anchor, header: LedgerHeader, header_hash: Hash, certificate: Certificate
) -> None:
    if header.network_id != anchor.network_id:
        raise ProofError(ProofFault.WRONG_NETWORK, "the header is of another network")
    if header_hash == anchor.header_hash:
        return
    if header.sequence <= anchor.sequence:
        text = f"ledger {header.sequence} is not the trusted one"
        raise ProofError(ProofFault.WRONG_LEDGER, text)
    signatures = {each.node_id: each.signature for each in certificate.signatures}
    if compute_certificate(anchor.quorum_set, signatures) != certificate:
        text = "too few of the trusted validators signed the certificate"
        raise ProofError(ProofFault.BAD_CERTIFICATE, text)
    if header.quorum_set_hash != compute_hash(encode(anchor.quorum_set)):
        text = "the network has changed its quorum set: pin a newer header"
        raise ProofError(ProofFault.QUORUM_SET_CHANGED, text)
    payload = compute_header_payload(anchor.network_id, header.sequence, header_hash)
    for node_id, signature in signatures.items():
        if not is_valid_signature(node_id, payload, signature):
            raise ProofError(ProofFault.BAD_SIGNATURE, "a signature of the certificate is invalid")


def _read_hex(attributes: Mapping[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(attributes[name])
    except (KeyError, TypeError, ValueError):
        raise ProofError(ProofFault.UNREADABLE, f"the proof lacks `{name}` in hex") from None
