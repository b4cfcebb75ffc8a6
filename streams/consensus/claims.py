"""What the statement of a node claims in federated voting, the same shape for all three kinds.

A PREPARE, a CONFIRM and an EXTERNALIZE are short forms of many votes (white paper and draft,
the messages of balloting). Spelt out once here, so that the rules need not tell them apart:

    statement                votes prepare  accepts prepared   votes commit    accepts commit
    PREPARE b p p' c h       <= b           <= p, <= p'        c..h of b.x     -
    CONFIRM b p.n c.n h.n    <= (inf, b.x)  <= (p.n, b.x)      c.n..inf        c.n..h.n
    EXTERNALIZE c h.n        <= (inf, c.x)  <= (inf, c.x)      c.n..inf        c.n..inf

where `<=` means all compatible ballots up to that one. Knows no other statement and no quorum set.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple, TypeAlias

from schemas.generated import consensus as wire
from schemas.generated.common import Hash

INFINITE_COUNTER = (1 << 32) - 1
VALUES_MAX = 1000
NO_COUNTERS = (1, 0)

BallotPledges: TypeAlias = wire.Prepare | wire.Confirm | wire.Externalize
Pledges: TypeAlias = wire.Nominate | BallotPledges


class Ballot(NamedTuple):
    """Ballots are ordered by counter, then by value; equal values make them compatible."""

    counter: int
    value: bytes


NO_BALLOT = Ballot(0, b"")
# Kind, then b, p, p', h.n, c.n. The last is ours: c is set under an unchanged h when a set arrives.
Order: TypeAlias = tuple[int, Ballot, Ballot, Ballot, int, int]
EXTERNALIZE_ORDER: Order = (2, NO_BALLOT, NO_BALLOT, NO_BALLOT, 0, 0)


def is_covered(ballot: Ballot, by: Ballot) -> bool:
    """ballot ≲ by: not above it, and compatible."""
    return ballot.value == by.value and ballot.counter <= by.counter


def is_aborted(ballot: Ballot, by: Ballot | None) -> bool:
    """ballot ⋦ by: below it and incompatible, so that preparing `by` aborts `ballot`."""
    return by is not None and ballot < by and ballot.value != by.value


class Claims(NamedTuple):
    """A range of counters is inclusive; `NO_COUNTERS` is the empty one."""

    voted_prepared: Ballot
    accepted_prepared: tuple[Ballot, ...]
    value: bytes  # that the commits are about
    voted_commit: tuple[int, int]
    accepted_commit: tuple[int, int]
    counter: int  # of the ballot, infinite for EXTERNALIZE
    order: Order  # of the statements of one node


def get_claims(pledges: BallotPledges) -> Claims:
    if isinstance(pledges, wire.Prepare):
        return _get_prepare_claims(pledges)
    if isinstance(pledges, wire.Confirm):
        value, counter = pledges.ballot.value, pledges.ballot.counter
        prepared, low, high = (
            pledges.counter_prepared,
            pledges.counter_commit,
            pledges.counter_high,
        )
        return Claims(
            Ballot(INFINITE_COUNTER, value),
            (Ballot(prepared, value),),
            value,
            (low, INFINITE_COUNTER),
            (low, high),
            counter,
            (1, Ballot(counter, value), Ballot(prepared, value), NO_BALLOT, high, low),
        )
    value, low = pledges.commit.value, pledges.commit.counter
    infinite = Ballot(INFINITE_COUNTER, value)
    counters = (low, INFINITE_COUNTER)
    return Claims(
        infinite, (infinite,), value, counters, counters, INFINITE_COUNTER, EXTERNALIZE_ORDER
    )


def _get_prepare_claims(pledges: wire.Prepare) -> Claims:
    ballot = Ballot(pledges.ballot.counter, pledges.ballot.value)
    prepared, prime = get_ballot(pledges.prepared), get_ballot(pledges.prepared_prime)
    low, high = pledges.counter_commit, pledges.counter_high
    return Claims(
        ballot,
        tuple(entry for entry in (prepared, prime) if entry),
        ballot.value,
        (low, high) if low else NO_COUNTERS,
        NO_COUNTERS,
        ballot.counter,
        (0, ballot, prepared or NO_BALLOT, prime or NO_BALLOT, high, low),
    )


def get_ballot(ballot: wire.Ballot | None) -> Ballot | None:
    return None if ballot is None else Ballot(ballot.counter, ballot.value)


def get_values(pledges: Pledges) -> tuple[bytes, ...]:
    """All values in the statement, without repetition."""
    if isinstance(pledges, wire.Nominate):
        return tuple(dict.fromkeys((*pledges.votes, *pledges.accepted)))
    if isinstance(pledges, wire.Externalize):
        return (pledges.commit.value,)
    values = [pledges.ballot.value]
    if isinstance(pledges, wire.Prepare):
        values += [entry.value for entry in (pledges.prepared, pledges.prepared_prime) if entry]
    return tuple(dict.fromkeys(values))


def get_quorum_set_hash(pledges: Pledges) -> Hash | None:
    """The quorum set that others judge the sender's claims by. None stands for the sender alone:
    what is externalized no longer depends on anybody (draft, externalize message)."""
    return None if isinstance(pledges, wire.Externalize) else pledges.quorum_set_hash


def is_sane(pledges: Pledges) -> bool:
    """Whether an honest node could send this statement (invariants of the messages)."""
    if isinstance(pledges, wire.Nominate):
        values = (pledges.votes, pledges.accepted)
        return any(values) and all(
            len(entry) <= VALUES_MAX and all(low < high for low, high in pairwise(entry))
            for entry in values
        )
    if isinstance(pledges, wire.Prepare):
        return _is_sane_prepare(pledges)
    if isinstance(pledges, wire.Confirm):
        low, high = pledges.counter_commit, pledges.counter_high
        return 1 <= low <= high <= pledges.ballot.counter and pledges.counter_prepared >= 1
    return 1 <= pledges.commit.counter <= pledges.counter_high


def _is_sane_prepare(pledges: wire.Prepare) -> bool:
    prepared, prime = get_ballot(pledges.prepared), get_ballot(pledges.prepared_prime)
    low, high = pledges.counter_commit, pledges.counter_high
    if pledges.ballot.counter < 1 or high > pledges.ballot.counter or low > high:
        return False
    if prepared is None:
        return prime is None and high == 0
    if prepared.counter < max(high, 1):
        return False
    return prime is None or (prime.counter >= 1 and is_aborted(prime, prepared))


def can_follow(first: Pledges, second: Pledges) -> bool:
    """Whether an honest node that said `first` may later say `second`.

    Everything a node votes for or accepts stays so: nominated values are only added; b, p, p' and,
    under an unchanged b, h rise; a value accepted as committed is never exchanged. Statements of
    different kinds are only compared by that last rule, because accepting a commit may lower b.
    """
    if first == second:
        return True
    if isinstance(first, wire.Nominate) and isinstance(second, wire.Nominate):
        return set(first.votes) <= set(second.votes) and set(first.accepted) <= set(second.accepted)
    if isinstance(first, wire.Nominate) or isinstance(second, wire.Nominate):
        return True
    if isinstance(first, wire.Prepare):
        return not isinstance(second, wire.Prepare) or _can_prepare_follow(first, second)
    if isinstance(second, wire.Prepare):
        return False
    if get_values(first) != get_values(second):
        return False
    if isinstance(first, wire.Confirm) and isinstance(second, wire.Confirm):
        return _can_confirm_follow(first, second)
    return isinstance(second, wire.Externalize) and isinstance(first, wire.Confirm)


def _can_prepare_follow(first: wire.Prepare, second: wire.Prepare) -> bool:
    _, ballot, prepared, prime, high, low = _get_prepare_claims(first).order
    _, ballot_2, prepared_2, prime_2, high_2, low_2 = _get_prepare_claims(second).order
    if ballot > ballot_2 or prepared > prepared_2 or prime > prime_2:
        return False
    if ballot == ballot_2 and high > high_2:
        return False
    is_same = (ballot, prepared, prime, high) == (ballot_2, prepared_2, prime_2, high_2)
    return not is_same or low in (0, low_2)


def _can_confirm_follow(first: wire.Confirm, second: wire.Confirm) -> bool:
    before = (first.ballot.counter, first.counter_prepared, first.counter_high)
    after = (second.ballot.counter, second.counter_prepared, second.counter_high)
    if any(low > high for low, high in zip(before, after, strict=True)):
        return False
    return before != after or first.counter_commit == second.counter_commit
