"""The rules of the ballot protocol: which move the claims of all nodes make due.

The numbers are the steps 1 to 9 of the ballot protocol in the white paper; the draft states the
same by the fields of its messages. Each rule makes at most one move and returns whether it made
one; `ballot` repeats them in this order until none does. Candidates are only ballots and counters
that somebody mentioned, because a predicate over claims can change at those alone. Rule 9 is in
`ballot`: it needs a value.
"""

from collections.abc import Callable, Iterable

from streams.consensus.application import Validation
from streams.consensus.ballot_state import BallotState, Phase, is_already_prepared
from streams.consensus.claims import NO_COUNTERS, Ballot, Claims
from streams.consensus.voting import Tally

Judge = Callable[[bytes], Validation]
Rule = Callable[[BallotState, Tally[Claims], Judge], bool]


def accept_prepared(state: BallotState, tally: Tally[Claims], _judge: Judge) -> bool:
    """Rules 1 and 5: the highest ballot that can be accepted as prepared raises p or p'."""
    if state.phase is Phase.EXTERNALIZE:
        return False
    for ballot in get_mentioned_ballots(tally.claims.values()):
        if is_already_prepared(state, ballot):
            continue
        is_other = state.prepared is not None and ballot.value != state.prepared.value
        if state.phase is Phase.CONFIRM and is_other:
            continue  # p stays compatible with c
        accepted = get_accepting_prepared(tally, ballot)
        if tally.accepts(get_voting_prepared(tally, ballot), accepted):
            state.set_prepared(ballot)
            return True
    return False


def confirm_prepared(state: BallotState, tally: Tally[Claims], judge: Judge) -> bool:
    """Rules 2, 3 and 8: the highest ballot confirmed as prepared becomes h, z keeps its value.

    h is only set under a compatible b. When b is lower it is raised to h, so that h is set next;
    when b is higher, z takes effect at the next time-out.
    """
    if state.phase is not Phase.PREPARE or state.prepared is None:
        return False
    high = _find_confirmed(state, tally)
    if high is None:
        return False
    state.override = high.value
    current = state.current
    is_set = current is None or current.value == high.value
    if is_set:
        state.high = high
        if current is None or current <= high:
            _vote_commit(state, judge)
    if current is None or current < high:
        state.set_current(high)
        return True
    return is_set


def _find_confirmed(state: BallotState, tally: Tally[Claims]) -> Ballot | None:
    for ballot in get_mentioned_ballots(tally.claims.values()):
        if state.high is not None and ballot <= state.high:
            return None
        if tally.has_quorum(get_accepting_prepared(tally, ballot)):
            return ballot
    return None


def vote_commit(state: BallotState, _tally: Tally[Claims], judge: Judge) -> bool:
    """Rule 3 by itself: h is set already, and what kept c back (a value whose set was not here,
    or a b that had to be raised first) is gone."""
    is_due = (
        state.phase is Phase.PREPARE
        and state.commit is None
        and state.high is not None
        and state.high == state.current
    )
    return is_due and _vote_commit(state, judge)


def _vote_commit(state: BallotState, judge: Judge) -> bool:
    """Sets c, unless it is set, h is aborted, or h's value cannot be vouched for: its set is not
    here (CAP-0083), or the node is behind."""
    if state.commit is not None or state.high is None or state.is_high_aborted():
        return False
    if judge(state.high.value) is not Validation.FULLY_VALID:
        return False
    state.set_commit_vote()
    return True


def accept_commit(state: BallotState, tally: Tally[Claims], _judge: Judge) -> bool:
    """Rules 4 and 6: the highest range of counters whose commit can be accepted sets c and h.

    The value's set need not be here: some honest node has it, or it could not have been voted.
    """
    if state.phase is Phase.EXTERNALIZE or (state.phase is Phase.CONFIRM and state.high is None):
        return False
    is_locked = state.phase is Phase.CONFIRM
    for value in get_committed_values(tally.claims.values()):
        if is_locked and state.high is not None and value != state.high.value:
            continue
        counters = find_commit_range(tally, value, _can_accept_commit)
        if counters is None:
            continue
        low, high = counters
        if is_locked and state.high is not None and high <= state.high.counter:
            continue
        state.accept_commit(value, low, high)
        return True
    return False


def confirm_commit(state: BallotState, tally: Tally[Claims], judge: Judge) -> bool:
    """Rule 7: a quorum accepts the commit; the slot is decided, once the value's set is here."""
    if state.phase is not Phase.CONFIRM or state.commit is None:
        return False
    value = state.commit.value
    counters = find_commit_range(tally, value, _can_confirm_commit)
    if counters is None or judge(value) < Validation.MAYBE_VALID:
        return False
    state.confirm_commit(value, *counters)
    return True


RULES: tuple[Rule, ...] = (
    accept_prepared,
    confirm_prepared,
    vote_commit,
    accept_commit,
    confirm_commit,
)


def get_mentioned_ballots(claims: Iterable[Claims]) -> list[Ballot]:
    """All ballots that some node votes for or accepts as prepared, highest first."""
    ballots = {
        ballot
        for claim in claims
        for ballot in (claim.voted_prepared, *claim.accepted_prepared)
        if ballot.counter
    }
    return sorted(ballots, reverse=True)


def get_voting_prepared(tally: Tally[Claims], ballot: Ballot) -> int:
    counter, value = ballot
    nodes = 0
    for bit, claim in tally.claims.items():
        voted = claim.voted_prepared
        if voted.value == value and voted.counter >= counter:
            nodes |= bit
    return nodes


def get_accepting_prepared(tally: Tally[Claims], ballot: Ballot) -> int:
    counter, value = ballot
    nodes = 0
    for bit, claim in tally.claims.items():
        for accepted in claim.accepted_prepared:
            if accepted.value == value and accepted.counter >= counter:
                nodes |= bit
                break
    return nodes


def get_committed_values(claims: Iterable[Claims]) -> list[bytes]:
    """The values that a node votes to commit, ascending."""
    return sorted({claim.value for claim in claims if claim.voted_commit != NO_COUNTERS})


CanCommit = Callable[[Tally[Claims], bytes, int, int], bool]


def find_commit_range(
    tally: Tally[Claims], value: bytes, can_commit: CanCommit
) -> tuple[int, int] | None:
    """The highest counter, and the range down from it, for which `can_commit` holds throughout.

    Nodes at different counters agree on the overlap of their ranges, so only the ends of ranges
    need to be tried.
    """
    ends: set[int] = set()
    for claim in tally.claims.values():
        if claim.value == value and claim.voted_commit != NO_COUNTERS:
            has_accepted = claim.accepted_commit != NO_COUNTERS
            ends.update(claim.accepted_commit if has_accepted else claim.voted_commit)
    low = high = 0
    for counter in sorted(ends, reverse=True):
        if not high:
            if can_commit(tally, value, counter, counter):
                low = high = counter
        elif can_commit(tally, value, counter, high):
            low = counter
        else:
            break
    return (low, high) if high else None


def _can_accept_commit(tally: Tally[Claims], value: bytes, low: int, high: int) -> bool:
    voted = accepted = 0
    for bit, claim in tally.claims.items():
        if claim.value == value:
            if claim.voted_commit[0] <= low and high <= claim.voted_commit[1]:
                voted |= bit
            if claim.accepted_commit[0] <= low and high <= claim.accepted_commit[1]:
                accepted |= bit
    return tally.accepts(voted, accepted)


def _can_confirm_commit(tally: Tally[Claims], value: bytes, low: int, high: int) -> bool:
    accepted = 0
    for bit, claim in tally.claims.items():
        is_within = claim.accepted_commit[0] <= low and high <= claim.accepted_commit[1]
        if claim.value == value and is_within:
            accepted |= bit
    return tally.has_quorum(accepted)
