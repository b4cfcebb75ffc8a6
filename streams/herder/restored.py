"""What a node made durable and needs to go on after a restart. A value; no database in sight."""

from dataclasses import dataclass

from schemas.generated.common import Hash
from schemas.generated.ledger import HeaderSignature
from streams.herder.outputs import SetRow, StatementRow


@dataclass(frozen=True, slots=True)
class RestoredHeader:
    """A ledger that was closed and lacks its certificate."""

    sequence: int
    header_hash: Hash
    own: HeaderSignature | None


@dataclass(frozen=True, slots=True)
class Restored:
    """Own newest statements and the sets they vote to commit, and uncertified ledgers."""

    statements: tuple[StatementRow, ...] = ()
    sets: tuple[SetRow, ...] = ()
    uncertified: tuple[RestoredHeader, ...] = ()
