"""The entry object: what is refused, slots, quorum sets of peers, reconfiguration, status."""

import pytest

from schemas.codec import decode, encode
from schemas.generated.common import Hash
from schemas.generated.consensus import Ballot, Confirm, Externalize, Nominate, Prepare, Statement
from streams.consensus.application import TIMEOUT_MAX_MS, Validation, compute_timeout_ms
from streams.consensus.ballot_state import Phase
from streams.consensus.claims import Pledges
from streams.consensus.errors import InsaneQuorumSet, InvariantViolation
from streams.consensus.outputs import (
    Emit,
    Externalized,
    Output,
    Refusal,
    Refused,
    StopTimer,
    TimerKind,
)
from streams.consensus.quorum_set import compute_quorum_set_hash
from streams.consensus.scp import Scp
from tests.streams.consensus.fixtures import ValueTable, node, quorum_set

FOUR = quorum_set(3, "v0", "v1", "v2", "v3")
HASH = compute_quorum_set_hash(FOUR)
X = b"x"


def make_scp(name: str = "v0") -> Scp:
    return Scp(node(name), FOUR, ValueTable())


def prepare(counter: int = 1, value: bytes = X, quorum_set_hash: Hash = HASH) -> Prepare:
    return Prepare(quorum_set_hash, Ballot(counter, value), None, None, 0, 0)


def own(pledges: Pledges) -> Statement:
    return Statement(node("v0"), 1, pledges)


def get_emitted(outputs: tuple[Output, ...]) -> list[Pledges]:
    return [output.statement.pledges for output in outputs if isinstance(output, Emit)]


def get_prepares(outputs: tuple[Output, ...]) -> list[Prepare]:
    return [pledges for pledges in get_emitted(outputs) if isinstance(pledges, Prepare)]


def decide(scp: Scp, slot: int, names: str = "v1 v2 v3") -> list[Output]:
    said = [Externalize(Ballot(1, X), 1, HASH)]
    return [
        output
        for name in names.split()
        for pledges in said
        for output in scp.receive(Statement(node(name), slot, pledges))
    ]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (Statement(node("v0"), 10, prepare()), Refusal.OWN),
        (Statement(node("v1"), 9, prepare()), Refusal.SLOT_PURGED),
        (Statement(node("v1"), 138, prepare()), Refusal.SLOT_FAR_AHEAD),
        (Statement(node("w"), 10, prepare()), Refusal.NODE_UNKNOWN),
        (
            Statement(node("v1"), 10, prepare(quorum_set_hash=Hash(bytes(32)))),
            Refusal.QUORUM_SET_UNKNOWN,
        ),
        (Statement(node("v1"), 10, prepare(counter=0)), Refusal.MALFORMED),
    ],
    ids=lambda case: case.name if isinstance(case, Refusal) else "",
)
def test_refusals(statement: Statement, reason: Refusal) -> None:
    scp = make_scp()
    scp.purge(10)
    refused = Refused(statement.slot, statement.node_id, reason)
    assert scp.receive(statement) == (refused,)


def test_every_refusal_is_tested() -> None:
    """The others: STALE, VALUE_INVALID and VALUE_OTHER in the text scenarios."""
    assert {reason.name for reason in Refusal} == {
        *("OWN", "SLOT_PURGED", "SLOT_FAR_AHEAD", "NODE_UNKNOWN", "QUORUM_SET_UNKNOWN"),
        *("MALFORMED", "STALE", "VALUE_INVALID", "VALUE_OTHER"),
    }


def test_a_statement_counts_once_its_quorum_set_is_known() -> None:
    """By its own sender's slices: v1 needs w, who says nothing."""
    scp = make_scp()
    demanding = quorum_set(3, "v1", "v2", "w")
    statement = Statement(node("v1"), 1, prepare(1, X, compute_quorum_set_hash(demanding)))
    assert isinstance(scp.receive(statement)[0], Refused)
    assert not scp.has_quorum_set(compute_quorum_set_hash(demanding))
    assert scp.add_quorum_set(demanding) == compute_quorum_set_hash(demanding)
    assert scp.receive(statement) == ()
    for name in ("v2", "v3"):
        assert scp.receive(Statement(node(name), 1, prepare())) == ()
    state = scp.slots[1].ballot.state
    assert state.prepared is None
    scp.receive(Statement(node("w"), 1, prepare()))
    assert state.prepared == (1, X)


def test_externalize_needs_no_quorum_set() -> None:
    scp = make_scp()
    unknown = Externalize(Ballot(1, X), 1, Hash(bytes(32)))
    assert scp.receive(Statement(node("v1"), 1, unknown)) == ()
    assert not any(isinstance(o, Refused) for o in decide(scp, 1, "v2 v3"))
    assert scp.slots[1].externalized == X


def test_slots_are_independent() -> None:
    scp = make_scp()
    assert Externalized(3, X) in decide(scp, 3)
    assert scp.slots[3].externalized == X
    state = scp.get_state(4)
    assert state is None
    assert scp.nominate(4, b"y", X) != ()
    assert scp.slots[4].externalized is None


def test_purge_stops_timers_and_forgets() -> None:
    scp = make_scp()
    for slot in (1, 2, 3):
        scp.nominate(slot, X, b"")
    assert scp.purge(3) == tuple(StopTimer(slot, TimerKind.NOMINATION) for slot in (1, 2))
    assert sorted(scp.slots) == [3]
    assert scp.purge(2) == ()
    assert scp.slot_lowest == 3
    assert scp.nominate(2, X, b"") == ()
    assert scp.fire_timer(2, TimerKind.NOMINATION, 1) == ()
    assert scp.revalidate(2) == ()
    assert scp.restore([Statement(node("v0"), 2, prepare())]) == ()
    assert sorted(scp.slots) == [3]


def test_a_node_alone_decides_alone() -> None:
    scp = Scp(node("v0"), quorum_set(1, "v0"), ValueTable())
    outputs = scp.nominate(1, X, b"")
    assert [type(pledges) for pledges in get_emitted(outputs)] == [Nominate, Externalize]
    assert outputs[-1] == Externalized(1, X)


def test_a_node_alone_goes_on_where_it_was_restored() -> None:
    scp = Scp(node("v0"), quorum_set(1, "v0"), ValueTable())
    own_hash = scp.locals[0][1].quorum_set_hash
    pledges = Prepare(own_hash, Ballot(1, X), Ballot(1, X), None, 1, 1)
    outputs = scp.restore([Statement(node("v0"), 1, pledges)])
    assert get_emitted(outputs) == [Externalize(Ballot(1, X), 1, own_hash)]
    assert outputs[-1] == Externalized(1, X)


def test_a_decision_waits_for_the_set_of_its_value() -> None:
    """Also for a node alone, which needs nobody else: started again without the set."""
    scp = Scp(node("v0"), quorum_set(1, "v0"), application := ValueTable())
    own_hash = scp.locals[0][1].quorum_set_hash
    application.levels[X] = Validation.STRUCTURALLY_VALID
    accepted = Confirm(own_hash, Ballot(1, X), 1, 1, 1)
    assert not any(isinstance(o, Externalized) for o in scp.restore([own(accepted)]))
    application.levels[X] = Validation.FULLY_VALID
    assert scp.revalidate(1)[-1] == Externalized(1, X)


def test_only_own_statements_are_restored_and_before_anything_else() -> None:
    scp = make_scp()
    assert scp.restore([Statement(node("v1"), 1, prepare())]) == ()
    assert scp.slots == {}
    assert scp.restore([own(prepare())]) == ()
    with pytest.raises(InvariantViolation):
        scp.restore([own(prepare())])


def test_outputs_survive_the_wire() -> None:
    """What is emitted can be encoded, and comes back as itself."""
    scp = make_scp()
    emitted = [
        output.statement
        for outputs in (scp.nominate(1, X, b""), tuple(decide(scp, 1)))
        for output in outputs
        if isinstance(output, Emit)
    ]
    assert emitted
    assert [decode(Statement, encode(statement)) for statement in emitted] == emitted


def test_a_set_with_disjoint_slices_is_refused_as_ones_own() -> None:
    with pytest.raises(InsaneQuorumSet, match="lets two slices disagree"):
        Scp(node("v0"), quorum_set(2, "v0", "v1", "v2", "v3"), ValueTable())


def test_reconfigure_judges_from_its_slot_on_by_the_new_set() -> None:
    """v4 joins from slot 2 on: two others and the node itself decide slot 1, but not slot 2."""
    scp = make_scp()
    scp.nominate(2, X, b"")
    scp.receive(Statement(node("v1"), 2, Nominate(HASH, (X,), ())))
    wider = quorum_set(4, "v0", "v1", "v2", "v3", "v4")
    outputs = scp.reconfigure(wider, is_validator=True, from_slot=2)
    assert outputs[0] == StopTimer(2, TimerKind.NOMINATION)
    new = scp.slots[2]
    assert new.context.local.quorum_set_hash == compute_quorum_set_hash(wider)
    assert new.nomination.is_started
    assert node("v1") in new.nomination.latest
    for slot, is_decided in ((1, True), (2, False), (3, False)):
        decide(scp, slot, "v1 v2")
        assert (scp.slots[slot].externalized == X) == is_decided
    # What is decided stays so; the others start again from what was said.
    outputs = scp.reconfigure(FOUR, is_validator=True, from_slot=1)
    told = [output.slot for output in outputs if isinstance(output, Externalized)]
    assert told == [2, 3]
    assert [scp.slots[slot].externalized for slot in (1, 2, 3)] == [X, X, X]
    scp.purge(2)
    assert len(scp.locals) == 1


def test_a_later_reconfiguration_of_earlier_slots_replaces_the_former() -> None:
    scp = make_scp()
    for threshold, from_slot in ((4, 10), (3, 5)):
        wanted = quorum_set(threshold, "v0", "v1", "v2", "v3")
        scp.reconfigure(wanted, is_validator=True, from_slot=from_slot)
    assert [(slot, local.quorum_set.threshold) for slot, local in scp.locals] == [(0, 3), (5, 3)]


def test_a_bad_reconfiguration_changes_nothing() -> None:
    scp = make_scp()
    with pytest.raises(InsaneQuorumSet):
        scp.reconfigure(quorum_set(1, "v0", "v1"), is_validator=True, from_slot=4)
    assert [local.quorum_set for _, local in scp.locals] == [FOUR]


def test_reconfigure_can_make_a_watcher() -> None:
    scp = make_scp()
    scp.reconfigure(FOUR, is_validator=False, from_slot=5)
    assert get_emitted(tuple(decide(scp, 4))) != []
    assert get_emitted(tuple(decide(scp, 5))) == []
    assert scp.slots[5].externalized == X


def test_a_slot_that_starts_again_does_not_take_back_what_was_sent() -> None:
    scp = make_scp()
    scp.receive(Statement(node("v1"), 1, prepare(3)))
    scp.receive(Statement(node("v2"), 1, prepare(3)))
    scp.restore([Statement(node("v0"), 2, prepare(2))])
    outputs = scp.reconfigure(
        quorum_set(4, "v0", "v1", "v2", "v3", "v4"), is_validator=True, from_slot=1
    )
    assert scp.slots[2].ballot.emitted == prepare(2)
    assert scp.slots[2].ballot.state.current == (2, X)
    assert all(pledges.ballot.counter >= 2 for pledges in get_prepares(outputs))


def test_state_tells_who_is_missing_and_who_is_needed() -> None:
    scp = make_scp()
    assert scp.get_state(1) is None
    scp.nominate(1, X, b"")
    scp.receive(Statement(node("v2"), 1, prepare()))
    state = scp.get_state(1)
    assert state is not None
    assert state.missing == (node("v1"), node("v3"))
    assert state.closest_v_blocking == ()  # two of four are silent: there is no quorum now
    assert (state.phase, state.nomination_round > 0) == (Phase.PREPARE, True)
    scp.receive(Statement(node("v3"), 1, Nominate(HASH, (X,), ())))
    state = scp.get_state(1)
    assert state is not None
    assert state.missing == (node("v1"),)
    assert state.closest_v_blocking == (node("v0"),)


def test_time_outs_grow_up_to_half_an_hour() -> None:
    assert [compute_timeout_ms(500, 500, number) for number in (1, 2, 3)] == [500, 1000, 1500]
    assert [compute_timeout_ms(2500, 750, number) for number in (1, 2)] == [2500, 3250]
    assert compute_timeout_ms(500, 500, 3600) == TIMEOUT_MAX_MS
    assert compute_timeout_ms(500, 500, 2**32 - 1) == TIMEOUT_MAX_MS
