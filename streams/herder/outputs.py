"""What the node's pure parts tell its shell to do, in order, as values.

The order is part of the contract: whatever stands after a `Persist` or a `Commit` may only be done
once that is durable. That is how a node that is killed at any moment never contradicts itself.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from schemas.generated.common import Hash, PublicKey
from schemas.generated.ledger import Certificate, HeaderSignature, LedgerRecord
from schemas.generated.overlay import Message
from streams.herder.lanes import Lane
from streams.ledger.admission import RejectionReason
from streams.ledger.close import ClosedLedger


class TimerName(Enum):
    """What a timer is for; there is one per name and slot."""

    NOMINATION = "nomination"
    BALLOT = "ballot"
    TRIGGER = "trigger"  # start the next slot: the interval has passed, or the heartbeat is due
    FETCH = "fetch"  # ask for what a set lacks
    DEMAND = "demand"  # ask for advertised envelopes
    RESEND = "resend"  # say again what is not settled
    CATCH_UP = "catch up"  # ask for closed ledgers


@dataclass(frozen=True, slots=True)
class Timer:
    """`number` tells an older timer of the same name and slot from the newest."""

    name: TimerName
    slot: int
    number: int = 0


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Fire `timer` after `delay_ms`; replaces one of the same name and slot."""

    timer: Timer
    delay_ms: int


@dataclass(frozen=True, slots=True)
class StopTimer:
    name: TimerName
    slot: int


@dataclass(frozen=True, slots=True)
class StatementRow:
    """The node's own newest statement of a slot: one for nomination, one for ballots."""

    slot: int
    is_nomination: bool
    statement: bytes


@dataclass(frozen=True, slots=True)
class SetRow:
    """A transaction set this node voted to commit, whole: somebody must still have it after all
    nodes were killed at once."""

    slot: int
    set_hash: Hash
    envelopes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Persist:
    """Make these durable before anything that follows."""

    statements: tuple[StatementRow, ...]
    sets: tuple[SetRow, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """A ledger closed: state, record and signature in one commit before anything that follows.

    `signature` is this node's, None for a watcher and for a ledger it caught up with;
    `certificate` is given with the latter.
    """

    closed: ClosedLedger
    signature: HeaderSignature | None
    certificate: Certificate | None


@dataclass(frozen=True, slots=True)
class Certified:
    """Ledger `sequence` has its certificate: keep it; it may be published once all before are.

    `record` is what is published, None where it has to be looked up: the node was restarted since
    it closed the ledger.
    """

    sequence: int
    header_hash: Hash
    certificate: Certificate
    record: LedgerRecord | None


@dataclass(frozen=True, slots=True)
class Broadcast:
    lane: Lane
    message: Message


@dataclass(frozen=True, slots=True)
class Send:
    peer: PublicKey
    lane: Lane
    message: Message


@dataclass(frozen=True, slots=True)
class Reject:
    """Tell the world that this node refuses an envelope, and why. It is processed thereby."""

    envelope_hash: Hash
    rejection: RejectionReason


@dataclass(frozen=True, slots=True)
class Processed:
    """Envelopes were closed in a ledger: the node need not read them again."""

    envelope_hashes: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class ReadArchive:
    """The ledgers up to `last` have left all peers that are ahead: read them from an archive, and
    give them to the herder (`take_ledger`). Said again as long as it is so."""

    last: int


@dataclass(frozen=True, slots=True)
class ReadCertificates:
    """Peers have archived ledgers `first` to `last`, some of which this node closed without their
    certificates: read those from an archive, and give them to the herder (`take_certificate`).
    Said again as long as it is so."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Alarm:
    """Operators must know of this; the node goes on."""

    text: str


Output: TypeAlias = (
    StartTimer
    | StopTimer
    | Persist
    | Commit
    | Certified
    | Broadcast
    | Send
    | Reject
    | Processed
    | ReadArchive
    | ReadCertificates
    | Alarm
)
