"""The ballot protocol's state in one slot, and the moves that keep it consistent.

The letters of the paper: b current, p prepared, p' prepared_prime, h high, c commit, z override
(the value that the next ballot must carry). Knows no other node; the rules decide which move is
due.
"""

from enum import IntEnum

from schemas.generated import consensus as wire
from schemas.generated.common import Hash
from streams.consensus.claims import (
    INFINITE_COUNTER,
    NO_BALLOT,
    NO_COUNTERS,
    Ballot,
    BallotPledges,
    Claims,
    get_ballot,
    get_claims,
    is_aborted,
    is_covered,
    is_sane,
)
from streams.consensus.errors import InvariantViolation


class Phase(IntEnum):
    PREPARE = 0
    CONFIRM = 1
    EXTERNALIZE = 2


class BallotState:
    """Invariants (white paper, ballot protocol): p' ⋦ p; c ≲ h ≲ b; from CONFIRM on p and h and c
    are set and compatible with b."""

    def __init__(self) -> None:
        self.phase = Phase.PREPARE
        self.current: Ballot | None = None
        self.prepared: Ballot | None = None
        self.prepared_prime: Ballot | None = None
        self.high: Ballot | None = None
        self.commit: Ballot | None = None
        self.override: bytes | None = None

    def set_current(self, ballot: Ballot) -> None:
        """Moves b up; h falls when it is incompatible with it.

        Raises `InvariantViolation` if that broke a vote to commit: c falls before (rule 1), or z
        keeps its value.
        """
        if self.commit is not None and self.commit.value != ballot.value:
            raise InvariantViolation(f"{ballot} would break the vote to commit {self.commit}")
        self.current = ballot
        if self.high is not None and self.high.value != ballot.value:
            self.high = None

    def set_prepared(self, ballot: Ballot) -> None:
        """p and p' are the two highest incompatible ballots accepted as prepared; c falls when h is
        aborted by one of them (rule 1)."""
        if self.prepared is None or self.prepared < ballot:
            if self.prepared is not None and self.prepared.value != ballot.value:
                self.prepared_prime = self.prepared
            self.prepared = ballot
        else:
            self.prepared_prime = ballot
        if self.phase is Phase.PREPARE and self.is_high_aborted():
            self.commit = None

    def is_high_aborted(self) -> bool:
        """p ⋧ h or p' ⋧ h: h is not to be voted for any more."""
        return self.high is not None and (
            is_aborted(self.high, self.prepared) or is_aborted(self.high, self.prepared_prime)
        )

    def set_commit_vote(self) -> None:
        """Rule 3: c is the lowest ballot with b <= c ≲ h that no accepted ballot aborts."""
        high = self.high
        if high is None:
            return
        counter = self.current.counter if self.current is not None else 1
        for ballot in (self.prepared, self.prepared_prime):
            if ballot is not None and is_aborted(ballot, high):
                counter = max(counter, ballot.counter + (high.value < ballot.value))
        self.commit = Ballot(counter, high.value)

    def accept_commit(self, value: bytes, low: int, high: int) -> None:
        """Rules 4 and 6: commit is accepted for the counters low..high of `value`."""
        self.override = value
        self.commit, self.high = Ballot(low, value), Ballot(high, value)
        if self.phase is Phase.PREPARE:
            self.phase = Phase.CONFIRM
            # Who accepts a commit accepts the same ballot as prepared; CONFIRM shows p.n alone.
            known = (self.prepared, self.prepared_prime, self.high)
            self.prepared = max(entry for entry in known if entry and entry.value == value)
            self.prepared_prime = None
            if self.current is None or self.current.value != value:
                self.current = self.high
        self.raise_current()

    def raise_current(self) -> None:
        """Rule 8."""
        if self.high is not None and (self.current is None or self.current < self.high):
            self.set_current(self.high)

    def confirm_commit(self, value: bytes, low: int, high: int) -> None:
        """Rule 7: the slot is decided."""
        self.commit, self.high = Ballot(low, value), Ballot(high, value)
        self.raise_current()
        self.phase = Phase.EXTERNALIZE

    def get_pledges(self, quorum_set_hash: Hash) -> BallotPledges | None:
        """The statement of this state; None before the first ballot, when only p may be known.

        Raises `InvariantViolation` for a state whose statement no honest node could send.
        """
        pledges = self._get_pledges(quorum_set_hash)
        if pledges is not None and not is_sane(pledges):
            raise InvariantViolation(f"the ballot protocol reached an impossible state: {pledges}")
        return pledges

    def get_claims(self, pledges: BallotPledges | None) -> Claims:
        """The local node's claims; `pledges` is its statement in this state. Before its first
        ballot it votes for nothing, but what it accepted as prepared counts already."""
        if pledges is not None:
            return get_claims(pledges)
        prepared = tuple(entry for entry in (self.prepared, self.prepared_prime) if entry)
        order = (0, NO_BALLOT, NO_BALLOT, NO_BALLOT, 0, 0)
        return Claims(NO_BALLOT, prepared, b"", NO_COUNTERS, NO_COUNTERS, 0, order)

    def _get_pledges(self, quorum_set_hash: Hash) -> BallotPledges | None:
        if self.current is None:
            return None
        current = wire.Ballot(*self.current)
        commit = self.commit.counter if self.commit is not None else 0
        high = self.high.counter if self.high is not None else 0
        if self.phase is Phase.PREPARE:
            prepared = None if self.prepared is None else wire.Ballot(*self.prepared)
            prime = None if self.prepared_prime is None else wire.Ballot(*self.prepared_prime)
            return wire.Prepare(quorum_set_hash, current, prepared, prime, commit, high)
        if self.phase is Phase.CONFIRM:
            prepared_counter = self.prepared.counter if self.prepared is not None else 0
            return wire.Confirm(quorum_set_hash, current, prepared_counter, commit, high)
        return wire.Externalize(wire.Ballot(commit, self.current.value), high, quorum_set_hash)

    def restore(self, pledges: BallotPledges) -> None:
        """Takes up the state in which this statement was sent."""
        if isinstance(pledges, wire.Externalize):
            self.phase = Phase.EXTERNALIZE
            self._set_all(pledges.commit.value, INFINITE_COUNTER, INFINITE_COUNTER)
            self._set_commits(pledges.commit.counter, pledges.counter_high)
        elif isinstance(pledges, wire.Confirm):
            self.phase = Phase.CONFIRM
            self._set_all(pledges.ballot.value, pledges.ballot.counter, pledges.counter_prepared)
            self._set_commits(pledges.counter_commit, pledges.counter_high)
        else:
            self.current = Ballot(pledges.ballot.counter, pledges.ballot.value)
            self.prepared = get_ballot(pledges.prepared)
            self.prepared_prime = get_ballot(pledges.prepared_prime)
            self._set_commits(pledges.counter_commit, pledges.counter_high)

    def _set_all(self, value: bytes, current: int, prepared: int) -> None:
        self.current = Ballot(current, value)
        self.prepared = Ballot(prepared, value)

    def _set_commits(self, commit: int, high: int) -> None:
        if self.current is None:
            return
        if high:
            self.high = Ballot(high, self.current.value)
            # h is only shown while it is compatible with b, so z was its value.
            self.override = self.high.value
        if commit:
            self.commit = Ballot(commit, self.current.value)


def is_already_prepared(state: BallotState, ballot: Ballot) -> bool:
    """Whether accepting `ballot` as prepared could change neither p nor p'."""
    if state.prepared_prime is not None and ballot <= state.prepared_prime:
        return True
    return state.prepared is not None and is_covered(ballot, state.prepared)
