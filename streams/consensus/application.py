"""What consensus asks of the application: values are opaque to it. Knows no machine and no message.

All are pure functions of their arguments and of what the application knows at the moment; none
may call back into the library. When an answer about a value changes (its set arrived or was given
up, its slot became the current one), the application calls `Scp.revalidate(slot)`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

TIMEOUT_MAX_MS = 30 * 60 * 1000


class Validation(IntEnum):
    """How far a value could be validated, in ascending order."""

    INVALID = 0
    STRUCTURALLY_VALID = 1
    """Well formed and for the current slot, but its set is not here (or was found invalid). It
    may be nominated and prepared; a vote to commit it waits."""
    MAYBE_VALID = 2
    """Well formed, but its slot is not the current one. The node follows and says nothing
    itself."""
    FULLY_VALID = 3


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Network settings, in milliseconds; a time-out grows by its increment each round."""

    nomination_initial_ms: int
    nomination_increment_ms: int
    ballot_initial_ms: int
    ballot_increment_ms: int


def compute_timeout_ms(initial_ms: int, increment_ms: int, number: int) -> int:
    """The time-out of the round or ballot counter `number`, from 1, at most 30 minutes."""
    return min(initial_ms + (number - 1) * increment_ms, TIMEOUT_MAX_MS)


class Application(Protocol):
    """What the application decides."""

    def validate_value(self, slot: int, value: bytes, is_nomination: bool) -> Validation:
        """Called often, so it answers from memory. Nomination may be stricter (times, upgrades)."""

    def extract_valid_value(self, slot: int, value: bytes) -> bytes | None:
        """A valid variation of a value that is invalid in nomination, or None."""

    def combine_candidates(self, slot: int, candidates: tuple[bytes, ...]) -> bytes:
        """Combines values, given in ascending order. All nodes must get the same result."""

    def is_given_up(self, slot: int, value: bytes) -> bool:
        """Whether the node no longer waits for the set of this well-formed value."""

    def derive_empty_value(self, slot: int, value: bytes) -> bytes:
        """The explicit empty value for `value` (CAP-0083), without a set, the same on all nodes."""

    def get_timeouts(self, slot: int) -> Timeouts:
        """The settings in force for the slot."""
