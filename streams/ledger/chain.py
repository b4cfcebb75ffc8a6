"""Verifying closed ledgers from anywhere: the chain of headers, the body, the certificate.

Every consumer goes through `verify_record` before it folds: Horizon, catch-up, clients. It starts
from a genesis or another pinned header and follows changes of the quorum set by itself; a set found
in a record is never trusted before the set in force has certified it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codec import Malformed, decode, encode
from schemas.generated.common import Hash, PublicKey, Signature
from schemas.generated.consensus import QuorumSet
from schemas.generated.entries import Validators, ValidatorsKey
from schemas.generated.ledger import (
    Certificate,
    HeaderSignature,
    LedgerBody,
    LedgerHeader,
    LedgerRecord,
)
from streams.consensus.quorum import is_satisfied
from streams.consensus.quorum_set import get_nodes
from streams.ledger.hashes import ZERO_HASH, compute_hash, compute_header_payload
from streams.ledger.signatures import is_valid_signature


class ForgedLedger(Exception):
    """A record cannot be a ledger of this chain; the message says what does not hold."""


@dataclass(slots=True, frozen=True)
class ChainPosition:
    """The last ledger known to be true, and who must certify the next."""

    network_id: Hash
    sequence: int
    header_hash: Hash
    close_time_ms: int
    quorum_set: QuorumSet


@dataclass(slots=True, frozen=True)
class VerifiedLedger:
    """A ledger that is true. `body` is still bytes: not every consumer reads all of it."""

    header: LedgerHeader
    header_hash: Hash
    record: LedgerRecord
    position: ChainPosition


def get_genesis_position(network_id: Hash) -> ChainPosition:
    """Before ledger 1, which no certificate covers: the caller pins its hash."""
    return ChainPosition(network_id, 0, ZERO_HASH, 0, QuorumSet(0, (), ()))


def verify_record(
    position: ChainPosition, record: LedgerRecord, genesis_hash: Hash | None = None
) -> VerifiedLedger:
    """`record` must be the ledger after `position`. Raises `ForgedLedger`.

    `genesis_hash` is the pinned hash of ledger 1, needed for that ledger alone.
    """
    header = verify_header(position, record.header)
    header_hash = compute_hash(record.header)
    if header.body_hash != compute_hash(record.body):
        raise ForgedLedger(f"ledger {header.sequence}: the body is not the header's")
    if position.sequence == 0:
        if header_hash != genesis_hash:
            raise ForgedLedger("the genesis is not the pinned one")
    else:
        verify_certificate(position, header, header_hash, record.certificate)
    next_position = ChainPosition(
        position.network_id,
        header.sequence,
        header_hash,
        header.close_time_ms,
        _get_next_quorum_set(position, header, record.body),
    )
    return VerifiedLedger(header, header_hash, record, next_position)


def verify_header(position: ChainPosition, raw: bytes) -> LedgerHeader:
    """The header `raw`, which must follow `position`: by its place in the chain, not by its
    certificate. Raises `ForgedLedger`.
    """
    try:
        header = decode(LedgerHeader, raw)
    except Malformed as error:
        raise ForgedLedger(f"the header cannot be read: {error}") from None
    _check_chain(position, header)
    return header


def compute_certificate(
    quorum_set: QuorumSet, signatures: dict[PublicKey, Signature]
) -> Certificate | None:
    """The certificate these (true) signatures make, or None while they do not satisfy the set."""
    members = sorted(node for node in get_nodes(quorum_set) if node in signatures)
    if not is_satisfied(quorum_set, members):
        return None
    return Certificate(tuple(HeaderSignature(node, signatures[node]) for node in members))


def _check_chain(position: ChainPosition, header: LedgerHeader) -> None:
    expected = position.sequence + 1
    if header.network_id != position.network_id:
        raise ForgedLedger(f"ledger {header.sequence}: it is of another network")
    if header.sequence != expected:
        raise ForgedLedger(f"ledger {header.sequence} where {expected} was due")
    if header.previous_header_hash != position.header_hash:
        raise ForgedLedger(f"ledger {expected}: it builds on another ledger {position.sequence}")
    if header.close_time_ms <= position.close_time_ms:
        raise ForgedLedger(f"ledger {expected}: its close time does not pass the last")


def verify_certificate(
    position: ChainPosition, header: LedgerHeader, header_hash: Hash, certificate: Certificate
) -> None:
    """`header` is the one after `position`. Raises `ForgedLedger`."""
    nodes = [each.node_id for each in certificate.signatures]
    if sorted(set(nodes)) != nodes:
        raise ForgedLedger(f"ledger {header.sequence}: the certificate is not ascending by node")
    if not set(nodes) <= set(get_nodes(position.quorum_set)):
        raise ForgedLedger(f"ledger {header.sequence}: a stranger signed the certificate")
    if not is_satisfied(position.quorum_set, nodes):
        raise ForgedLedger(f"ledger {header.sequence}: too few validators signed the certificate")
    payload = compute_header_payload(position.network_id, header.sequence, header_hash)
    for each in certificate.signatures:
        if not is_valid_signature(each.node_id, payload, each.signature):
            raise ForgedLedger(f"ledger {header.sequence}: a signature of the certificate is false")


def _get_next_quorum_set(position: ChainPosition, header: LedgerHeader, body: bytes) -> QuorumSet:
    """Looks into the body only where the header says that the set changed."""
    if header.quorum_set_hash == compute_hash(encode(position.quorum_set)):
        return position.quorum_set
    try:
        changes = decode(LedgerBody, body).changes
    except Malformed as error:
        raise ForgedLedger(f"ledger {header.sequence}: {error}") from None
    for change in changes:
        after = None if change.after is None else change.after.data
        if not isinstance(change.key.data, ValidatorsKey) or not isinstance(after, Validators):
            continue
        if compute_hash(encode(after.quorum_set)) == header.quorum_set_hash:
            return after.quorum_set
    raise ForgedLedger(f"ledger {header.sequence}: the new quorum set is not in its changes")


def find_former_quorum_set(bodies: Iterable[bytes], quorum_set_hash: Hash) -> QuorumSet:
    """The quorum set of that hash, which one of these ledgers replaced. `bodies` are a node's own.
    Raises `ForgedLedger` if none did."""
    for body in bodies:
        for change in decode(LedgerBody, body).changes:
            before = None if change.before is None else change.before.data
            if not isinstance(before, Validators):
                continue
            if compute_hash(encode(before.quorum_set)) == quorum_set_hash:
                return before.quorum_set
    raise ForgedLedger(f"no ledger replaced the quorum set {quorum_set_hash.hex()}")
