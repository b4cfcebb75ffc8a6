"""The upgrades that this node's operator agreed to, and when. Pure.

A node nominates the upgrades it votes for and takes from others' nominations only these; once
others have agreed without it, it follows whatever is valid.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.codec import decode
from schemas.generated.consensus import Upgrade
from streams.ledger.state import LedgerState
from streams.ledger.upgrades import KINDS, explain_fault


@dataclass(frozen=True, slots=True)
class Vote:
    """`upgrade`: Upgrade bytes. It counts for ledgers from `from_sequence` on whose close time is
    at least `from_ms` and before `until_ms`."""

    upgrade: bytes
    from_ms: int
    from_sequence: int
    until_ms: int

    def is_due(self, sequence: int, close_time_ms: int) -> bool:
        return sequence >= self.from_sequence and self.from_ms <= close_time_ms < self.until_ms


class Votes:
    """All that are held, in the order in which they were given."""

    def __init__(self) -> None:
        self.held: tuple[Vote, ...] = ()

    def replace(self, votes: Iterable[Vote]) -> None:
        self.held = tuple(votes)

    def drop(self, upgrades: Iterable[bytes]) -> None:
        """A ledger carried them: what was voted for once is not voted for again."""
        carried = set(upgrades)
        self.held = tuple(each for each in self.held if each.upgrade not in carried)

    def get_due(self, state: LedgerState, sequence: int, close_time_ms: int) -> tuple[bytes, ...]:
        """What to nominate for a ledger: of each kind the first vote that is due and valid, in the
        order of the kinds."""
        found: dict[int, bytes] = {}
        for vote in self.held:
            change = decode(Upgrade, vote.upgrade).change
            kind = KINDS.index(type(change))
            if (
                kind not in found
                and vote.is_due(sequence, close_time_ms)
                and explain_fault(change, state) is None
            ):
                found[kind] = vote.upgrade
        return tuple(found[kind] for kind in sorted(found))

    def keep_accepted(
        self, upgrades: Iterable[bytes], sequence: int, close_time_ms: int
    ) -> tuple[bytes, ...]:
        """Those of `upgrades` that this node votes for."""
        due = {each.upgrade for each in self.held if each.is_due(sequence, close_time_ms)}
        return tuple(each for each in upgrades if each in due)
