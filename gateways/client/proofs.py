"""Verifies a proof offline: from the genesis that the verifier trusts to an entry, trusting no one.

The genesis names the validators; enough of them signed the header; the header commits to the state
root; the path leads from the root to the entry, or shows that there is none. A balance comes with
its asset, because it does not say the decimals of its amounts itself.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateways.client.errors import ProofError, ProofFault
from schemas.codec import Malformed, decode, encode
from schemas.generated.common import BalanceID, Hash
from schemas.generated.consensus import QuorumSet
from schemas.generated.entries import Asset, Balance
from schemas.generated.keys import Entry, KeyBytes, asset_key, balance_key, get_key
from schemas.generated.ledger import Certificate, LedgerEntry, LedgerHeader, StateProof
from schemas.values import format_amount
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
class ProvedHeader:
    """The ledger `sequence`, after which the state was what a proof shows."""

    sequence: int
    header_hash: Hash
    close_time_ms: int
    state_root: Hash
    signed_by: int


@dataclass(frozen=True, slots=True)
class ProvedBalance:
    """`balance` is None if there is none, and so is its asset, which says its decimals."""

    header: ProvedHeader
    balance: Balance | None
    asset: Asset | None

    @property
    def available(self) -> str:
        """What may be spent, as a decimal."""
        return self._format(0 if self.balance is None else self.balance.amount)

    @property
    def locked(self) -> str:
        """What waits for a request, as a decimal."""
        return self._format(0 if self.balance is None else self.balance.locked)

    def _format(self, units: int) -> str:
        return format_amount(units, 0 if self.asset is None else self.asset.trailing_digits)


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


def verify_balance_proof(
    attributes: Mapping[str, Any], anchor: Anchor, balance_id: BalanceID
) -> ProvedBalance:
    """`attributes`: as Horizon answers them. The balance is the one that the verifier asks for,
    whatever the answer says. Raises ProofError.
    """
    header = verify_header(attributes, anchor)
    balance = verify_entry(attributes.get("balance_entry"), header, balance_key(balance_id))
    if not isinstance(balance, Balance):
        return ProvedBalance(header, None, None)
    asset = verify_entry(attributes.get("asset_entry"), header, asset_key(balance.asset))
    if not isinstance(asset, Asset):
        raise ProofError(ProofFault.WRONG_ENTRY, f"the proof lacks the asset {balance.asset}")
    return ProvedBalance(header, balance, asset)


def verify_header(attributes: Mapping[str, Any], anchor: Anchor) -> ProvedHeader:
    """`attributes` have `header` and `certificate`, bytes in base64. Raises ProofError."""
    header_bytes = _read_base64(attributes, "header")
    header = _decode(LedgerHeader, header_bytes)
    certificate = _decode(Certificate, _read_base64(attributes, "certificate"))
    header_hash = compute_hash(header_bytes)
    _check_header(anchor, header, header_hash, certificate)
    if header.quorum_set_hash != compute_hash(encode(anchor.quorum_set)):
        text = "the network has changed its quorum set: pin a newer header"
        raise ProofError(ProofFault.QUORUM_SET_CHANGED, text)
    return ProvedHeader(
        header.sequence,
        header_hash,
        header.close_time_ms,
        header.state_root,
        len(certificate.signatures),
    )


def get_quorum_set_hash(attributes: Mapping[str, Any]) -> Hash:
    """The hash of the set that is in force after a header, as it says. Raises ProofError."""
    header: LedgerHeader = _decode(LedgerHeader, _read_base64(attributes, "header"))
    return header.quorum_set_hash


def move_anchor(attributes: Mapping[str, Any], anchor: Anchor, quorum_set: QuorumSet) -> Anchor:
    """The anchor from a header on that changed the quorum set to this one. `attributes`: as of
    `verify_header`; the anchor's own set has certified the header. Raises ProofError.
    """
    header_bytes = _read_base64(attributes, "header")
    header = _decode(LedgerHeader, header_bytes)
    certificate = _decode(Certificate, _read_base64(attributes, "certificate"))
    header_hash = compute_hash(header_bytes)
    _check_header(anchor, header, header_hash, certificate)
    if header.quorum_set_hash != compute_hash(encode(quorum_set)):
        text = "this is not the quorum set that the header names"
        raise ProofError(ProofFault.QUORUM_SET_CHANGED, text)
    return Anchor(anchor.network_id, quorum_set, header.sequence, header_hash)


def verify_entry(attributes: Any, header: ProvedHeader, key: KeyBytes) -> Entry | None:
    """`attributes` have `entry` (null: absent) and `proof`, bytes in base64. `key`: the verifier's
    own and never that of the answer. Returns None if there is no entry. Raises ProofError.
    """
    if not isinstance(attributes, dict):
        raise ProofError(ProofFault.UNREADABLE, "the proof lacks an entry's proof")
    entry_bytes = None
    if attributes.get("entry") is not None:
        entry_bytes = _read_base64(attributes, "entry")
    path = _decode(StateProof, _read_base64(attributes, "proof"))
    entry_hash = None if entry_bytes is None else compute_hash(entry_bytes)
    if not verify_path(header.state_root, compute_hash(key), entry_hash, path):
        text = f"the path does not lead to the state root of ledger {header.sequence}"
        raise ProofError(ProofFault.BAD_PATH, text)
    entry: Entry | None = None if entry_bytes is None else _decode(LedgerEntry, entry_bytes).data
    if entry is not None and get_key(entry) != key:
        raise ProofError(ProofFault.WRONG_ENTRY, "the entry is not the requested one")
    return entry


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
    payload = compute_header_payload(anchor.network_id, header.sequence, header_hash)
    for node_id, signature in signatures.items():
        if not is_valid_signature(node_id, payload, signature):
            raise ProofError(ProofFault.BAD_SIGNATURE, "a signature of the certificate is invalid")


def _read_base64(attributes: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(attributes[name], validate=True)
    except (KeyError, TypeError, ValueError):
        raise ProofError(ProofFault.UNREADABLE, f"the proof lacks `{name}` in base64") from None


def _decode(kind: Any, data: bytes) -> Any:
    try:
        return decode(kind, data)
    except Malformed as error:
        raise ProofError(ProofFault.UNREADABLE, f"the proof cannot be read: {error}") from None
