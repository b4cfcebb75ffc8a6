"""What the consensus library tells its shell to do, in order, as values. It performs nothing
itself.

In one step's outputs refusals and evidence stand first, then `Emit`, then timers, then
`Externalized`.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from schemas.generated.common import U64, PublicKey
from schemas.generated.consensus import Statement


class TimerKind(Enum):
    NOMINATION = "nomination"
    BALLOT = "ballot"


class Refusal(Enum):
    """Why a statement was not recorded."""

    OWN = "it is of this node itself"
    SLOT_PURGED = "its slot is below those kept"
    SLOT_FAR_AHEAD = "its slot is too far above the lowest one kept"
    NODE_UNKNOWN = "no known quorum set has the node"
    QUORUM_SET_UNKNOWN = "its quorum set has to be added first"
    MALFORMED = "no honest node says this"
    STALE = "the same or a newer statement of the node is known"
    VALUE_INVALID = "a value in it is invalid"
    VALUE_OTHER = "it is about another value than the one externalized"


@dataclass(frozen=True, slots=True)
class Emit:
    """Make `statement` durable, then sign it, then send it: in that order, or a crash between could
    make this node contradict itself. At most one for nomination and one for ballots in a step; each
    replaces the node's earlier one."""

    statement: Statement


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Call `fire_timer(slot, kind, number)` after `timeout_ms`; replaces a timer of the same slot
    and kind. `number` is the nomination round or the ballot counter."""

    slot: U64
    kind: TimerKind
    number: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class StopTimer:
    """The timer of this slot and kind is not needed; firing it all the same does no harm."""

    slot: U64
    kind: TimerKind


@dataclass(frozen=True, slots=True)
class Externalized:
    """The slot is decided for good. `restore` repeats this output."""

    slot: U64
    value: bytes


@dataclass(frozen=True, slots=True)
class HeardFromQuorum:
    """A quorum has reached this ballot counter, so its time-out starts."""

    slot: U64
    counter: int


@dataclass(frozen=True, slots=True)
class NominationRoundStarted:
    """`leaders` are all of this slot so far, ascending; they never shrink."""

    slot: U64
    number: int
    leaders: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The statement just received was not recorded."""

    slot: U64
    node: PublicKey
    reason: Refusal


@dataclass(frozen=True, slots=True)
class Postponed:
    """A node has committed to `value`, whose set is not here. Get it, then call `revalidate(slot)`:
    the statement is kept until then."""

    slot: U64
    node: PublicKey
    value: bytes


@dataclass(frozen=True, slots=True)
class ValueReplaced:
    """The set of `value` was given up. Balloting continues with the explicit empty value."""

    slot: U64
    value: bytes
    empty_value: bytes


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Two statements of one node of which neither can have followed the other. Told once for a node
    and slot. Their envelopes, which the shell keeps, are the proof."""

    slot: U64
    node: PublicKey
    first: Statement
    second: Statement


Output: TypeAlias = (
    Emit
    | StartTimer
    | StopTimer
    | Externalized
    | HeardFromQuorum
    | NominationRoundStarted
    | Refused
    | Postponed
    | ValueReplaced
    | Equivocation
)
