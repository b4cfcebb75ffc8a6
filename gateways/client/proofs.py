"""Verifying a proof offline: from the genesis one trusts to an entry, with nobody's word between.

The chain of reasons: the genesis names the validators; enough of them signed the header; the header
commits to the state root; the path leads from the root to the entry, or shows that there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateways.client.errors import ProofError
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
    """What the verifier trusts: a network, who certifies its ledgers, and one header's hash."""

    network_id: Hash
    quorum_set: QuorumSet
    sequence: int
    header_hash: Hash


@dataclass(frozen=True, slots=True)
class ProvedEntry:
    """True of the network after ledger `sequence`. `entry` None: there is none under `key`."""

    sequence: int
    header_hash: Hash
    close_time_ms: int
    state_root: Hash
    signed_by: int
    key: Any
    entry: Entry | None


def get_genesis_anchor(genesis: bytes, pinned_hash: bytes | None = None) -> Anchor:
    """Of a genesis file's content. `pinned_hash` must be its ledger's if given. Raises ProofError.

    A network that has changed its quorum set since needs the anchor of a later header.
    """
    try:
        opened = open_genesis(decode_genesis(genesis))
    except GenesisError as error:
        raise ProofError(str(error)) from None
    if pinned_hash is not None and opened.closed.header_hash != pinned_hash:
        raise ProofError("the genesis file is not the pinned one: get the network's own")
    return Anchor(
        opened.closed.header.network_id,
        opened.ledger.state.get_validators().quorum_set,
        GENESIS_SEQUENCE,
        opened.closed.header_hash,
    )


def verify_proof(attributes: Mapping[str, Any], anchor: Anchor, key: bytes) -> ProvedEntry:
    """`attributes`: header, certificate, entry, proof as Horizon gives them (bytes in hex).

    `key`: LedgerKey bytes the verifier wants to know of, never those of the answer. Raises
    ProofError.
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
        raise ProofError(f"the proof cannot be read: {error}") from None
    header_hash = compute_hash(header_bytes)
    _check_header(anchor, header, header_hash, certificate)
    entry_hash = None if entry_bytes is None else compute_hash(entry_bytes)
    if not verify_path(header.state_root, compute_hash(key), entry_hash, path):
        raise ProofError(f"the path does not lead to ledger {header.sequence}'s state root")
    if entry is not None and get_key(entry) != key:
        raise ProofError("the entry is not the one that was asked for")
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
        raise ProofError("the header is of another network")
    if header_hash == anchor.header_hash:
        return
    if header.sequence <= anchor.sequence:
        raise ProofError(f"ledger {header.sequence} is not the one that is trusted")
    signatures = {each.node_id: each.signature for each in certificate.signatures}
    if compute_certificate(anchor.quorum_set, signatures) != certificate:
        raise ProofError("the certificate is not one of enough of the trusted validators")
    if header.quorum_set_hash != compute_hash(encode(anchor.quorum_set)):
        raise ProofError("the network has changed its quorum set: pin a newer header")
    payload = compute_header_payload(anchor.network_id, header.sequence, header_hash)
    for node_id, signature in signatures.items():
        if not is_valid_signature(node_id, payload, signature):
            raise ProofError("a signature of the certificate is false")


def _read_hex(attributes: Mapping[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(attributes[name])
    except (KeyError, TypeError, ValueError):
        raise ProofError(f"the proof lacks `{name}` in hex") from None
