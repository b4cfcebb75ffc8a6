"""Moves that the rules never ask for: the state refuses them instead of sending nonsense."""

import pytest

from schemas.generated.common import Hash
from streams.consensus.ballot_state import BallotState
from streams.consensus.claims import Ballot
from streams.consensus.errors import InvariantViolation

HASH = Hash(bytes(32))


def test_a_vote_to_commit_is_never_withdrawn() -> None:
    state = BallotState()
    state.current = state.prepared = state.high = state.commit = Ballot(1, b"x")
    state.set_current(Ballot(2, b"x"))
    with pytest.raises(InvariantViolation, match="would break the vote to commit"):
        state.set_current(Ballot(3, b"y"))
    assert state.current == (2, b"x")


def test_an_impossible_state_gives_no_statement() -> None:
    state = BallotState()
    assert state.get_pledges(HASH) is None
    state.current, state.high = Ballot(1, b"x"), Ballot(2, b"x")
    with pytest.raises(InvariantViolation, match="impossible state"):
        state.get_pledges(HASH)


def test_the_vote_to_commit_starts_above_what_is_aborted() -> None:
    """Rule 3: c is at least b, and above every accepted ballot of another value below h."""
    state = BallotState()
    state.prepared, state.high = Ballot(9, b"m"), Ballot(9, b"m")
    for prime, counter in ((b"a", 4), (b"z", 5)):  # (4, m) is above (4, a) and below (4, z)
        state.prepared_prime = Ballot(4, prime)
        state.set_commit_vote()
        assert state.commit == (counter, b"m")
    state.current = Ballot(7, b"m")
    state.set_commit_vote()
    assert state.commit == (7, b"m")
