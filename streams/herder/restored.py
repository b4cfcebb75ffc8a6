"""What a node made durable and needs to go on after a restart. A value; no database in sight."""

from dataclasses import dataclass

from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from schemas.generated.ledger import HeaderSignature
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
class Restored:
    """Own newest statements and the sets they vote to commit, uncertified ledgers, and the
    operator's votes for upgrades."""

    statements: tuple[StatementRow, ...] = ()
    sets: tuple[SetRow, ...] = ()
    uncertified: tuple[RestoredHeader, ...] = ()
    votes: tuple[Vote, ...] = ()
