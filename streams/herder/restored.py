"""What a node made durable and needs to go on after a restart. A value; no database in sight."""

from dataclasses import dataclass

from schemas.codec import decode
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from schemas.generated.ledger import HeaderSignature, LedgerBody, LedgerHeader
from streams.herder.outputs import SetRow, StatementRow
from streams.herder.votes import Vote


@dataclass(frozen=True, slots=True)
class RestoredHeader:
    """A ledger that was closed and lacks its certificate. `quorum_set`: who must certify it, if
    another one rules by now."""

    sequence: int
    header_hash: Hash
    own: HeaderSignature | None
    quorum_set: QuorumSet | None = None


@dataclass(frozen=True, slots=True)
class ClosedSet:
    """The transactions of a closed ledger that lacks its certificate. Those who have to sign it may
    not have closed it yet, and ask for its set."""

    slot: int
    previous_header_hash: Hash
    envelopes: tuple[bytes, ...]


def make_closed_set(header_bytes: bytes, body_bytes: bytes) -> ClosedSet:
    header, body = decode(LedgerHeader, header_bytes), decode(LedgerBody, body_bytes)
    envelopes = tuple(each.envelope for each in body.transactions)
    return ClosedSet(header.sequence, header.previous_header_hash, envelopes)


@dataclass(frozen=True, slots=True)
class Restored:
    """Own newest statements and the sets they vote to commit, uncertified ledgers, the sets of
    those within `SLOTS_KEPT`, and the operator's votes for upgrades."""

    statements: tuple[StatementRow, ...] = ()
    sets: tuple[SetRow, ...] = ()
    uncertified: tuple[RestoredHeader, ...] = ()
    closed_sets: tuple[ClosedSet, ...] = ()
    votes: tuple[Vote, ...] = ()
