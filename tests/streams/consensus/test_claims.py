"""What statements claim, and which can follow which."""

import pytest

from schemas.generated.common import Hash
from schemas.generated.consensus import Ballot, Confirm, Externalize, Nominate, Prepare
from streams.consensus.claims import (
    INFINITE_COUNTER,
    NO_COUNTERS,
    Pledges,
    can_follow,
    get_claims,
    get_quorum_set_hash,
    get_values,
    is_sane,
)

HASH = Hash(bytes(32))
OTHER_HASH = Hash(bytes(31) + b"\1")


def prepare(
    ballot: tuple[int, bytes],
    prepared: tuple[int, bytes] | None = None,
    prime: tuple[int, bytes] | None = None,
    commit: int = 0,
    high: int = 0,
) -> Prepare:
    p = None if prepared is None else Ballot(*prepared)
    p_prime = None if prime is None else Ballot(*prime)
    return Prepare(HASH, Ballot(*ballot), p, p_prime, commit, high)


def confirm(
    counter: int, value: bytes, prepared: int = 1, commit: int = 1, high: int = 1
) -> Confirm:
    return Confirm(HASH, Ballot(counter, value), prepared, commit, high)


def test_prepare_votes_and_accepts_what_it_says() -> None:
    claims = get_claims(prepare((3, b"x"), (2, b"x"), (1, b"y"), 1, 2))
    assert claims.voted_prepared == (3, b"x")
    assert claims.accepted_prepared == ((2, b"x"), (1, b"y"))
    assert (claims.voted_commit, claims.accepted_commit) == ((1, 2), NO_COUNTERS)
    assert claims.counter == 3
    assert get_claims(prepare((3, b"x"), (2, b"x"), None, 0, 2)).voted_commit == NO_COUNTERS


def test_confirm_votes_for_every_higher_counter() -> None:
    claims = get_claims(confirm(4, b"x", prepared=3, commit=1, high=2))
    assert claims.voted_prepared == (INFINITE_COUNTER, b"x")
    assert claims.accepted_prepared == ((3, b"x"),)
    assert claims.voted_commit == (1, INFINITE_COUNTER)
    assert claims.accepted_commit == (1, 2)
    assert claims.counter == 4


def test_externalize_accepts_every_higher_counter_and_depends_on_nobody() -> None:
    pledges = Externalize(Ballot(2, b"x"), 3, HASH)
    claims = get_claims(pledges)
    assert claims.accepted_prepared == ((INFINITE_COUNTER, b"x"),)
    assert claims.accepted_commit == claims.voted_commit == (2, INFINITE_COUNTER)
    assert claims.counter == INFINITE_COUNTER
    assert get_quorum_set_hash(pledges) is None


def test_each_value_is_named_once() -> None:
    assert get_values(prepare((2, b"x"), (2, b"y"), (1, b"x"))) == (b"x", b"y")
    assert get_values(confirm(1, b"x")) == (b"x",)
    assert get_values(Externalize(Ballot(1, b"z"), 1, HASH)) == (b"z",)


def test_nominated_values_are_ascending_and_bounded() -> None:
    values = tuple(b"%04d" % number for number in range(1001))
    assert is_sane(Nominate(HASH, values[:1000], values[:1000]))
    assert not is_sane(Nominate(HASH, values, ()))
    assert not is_sane(Nominate(HASH, (b"y", b"x"), ()))
    assert not is_sane(Nominate(HASH, (), (b"x", b"x")))
    assert not is_sane(Nominate(HASH, (), ()))


# One node's possible life, each statement newer than the one before it.
LIFE: list[Pledges] = [
    prepare((1, b"x")),
    prepare((1, b"x"), (1, b"x")),
    prepare((2, b"x"), (1, b"x")),
    prepare((2, b"x"), (1, b"x"), None, 0, 1),
    prepare((2, b"x"), (2, b"x"), None, 0, 2),
    prepare((2, b"x"), (2, b"x"), None, 2, 2),  # c alone: the set arrived
    prepare((2, b"x"), (2, b"y"), (2, b"x"), 0, 2),
    prepare((3, b"y"), (2, b"y"), (2, b"x"), 0, 2),
    prepare((3, b"y"), (3, b"y"), (2, b"x"), 3, 3),
    confirm(3, b"y", prepared=3, commit=2, high=3),
    confirm(3, b"y", prepared=4, commit=2, high=3),
    confirm(4, b"y", prepared=4, commit=2, high=3),
    confirm(4, b"y", prepared=4, commit=3, high=4),
    Externalize(Ballot(3, b"y"), 4, HASH),
]


def test_statements_of_an_honest_node_may_follow_each_other() -> None:
    for place, first in enumerate(LIFE):
        assert is_sane(first)
        for second in LIFE[place + 1 :]:
            assert can_follow(first, second)
            assert not isinstance(first, Nominate)
            assert not isinstance(second, Nominate)
            assert get_claims(first).order < get_claims(second).order
            is_prepare = isinstance(first, Prepare)
            if is_prepare == isinstance(second, Prepare):
                assert not can_follow(second, first)


CONFLICTS: list[tuple[Pledges, Pledges]] = [
    (prepare((1, b"x"), (1, b"y")), prepare((2, b"x"), (1, b"x"))),  # b up, p down
    (prepare((2, b"y"), (2, b"x"), (1, b"y")), prepare((2, b"y"), (2, b"y"))),  # p up, p' down
    (prepare((2, b"x"), (2, b"x"), None, 0, 2), prepare((2, b"x"), (2, b"y"), None, 0, 1)),  # h
    (prepare((2, b"x"), (2, b"x"), None, 1, 2), prepare((2, b"x"), (2, b"x"), None, 2, 2)),  # c
    (confirm(1, b"x"), confirm(1, b"y")),
    (confirm(1, b"x"), confirm(2, b"y", 2, 2, 2)),
    (confirm(3, b"x", 2, 1, 1), confirm(2, b"x", 3, 1, 1)),
    (confirm(2, b"x", 2, 1, 2), confirm(2, b"x", 2, 2, 2)),
    (confirm(1, b"x"), Externalize(Ballot(1, b"y"), 1, HASH)),
    (Externalize(Ballot(1, b"x"), 1, HASH), Externalize(Ballot(1, b"y"), 1, HASH)),
    (Externalize(Ballot(1, b"x"), 1, HASH), Externalize(Ballot(2, b"x"), 2, HASH)),
    (Nominate(HASH, (b"x",), ()), Nominate(HASH, (b"y",), ())),
    (Nominate(HASH, (b"x",), (b"x",)), Nominate(HASH, (b"x", b"y"), ())),
]


@pytest.mark.parametrize("pair", CONFLICTS, ids=range(len(CONFLICTS)))
def test_contradicting_statements_cannot_follow_each_other(pair: tuple[Pledges, Pledges]) -> None:
    first, second = pair
    assert not can_follow(first, second)
    assert not can_follow(second, first)


def test_pairs_of_statements_that_prove_no_equivocation() -> None:
    """A changed quorum set, nomination beside ballots, and b that falls on the way to CONFIRM."""
    other = Prepare(OTHER_HASH, Ballot(1, b"x"), None, None, 0, 0)
    assert can_follow(prepare((1, b"x")), other)
    assert can_follow(Nominate(HASH, (b"x",), ()), prepare((1, b"y")))
    assert can_follow(prepare((9, b"y"), (9, b"y")), confirm(1, b"x"))
