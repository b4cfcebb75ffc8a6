"""The twelve places where implementations of SCP went wrong, one test for each, named by number.

Told as in the text scenarios (`scenario`); number 9, leaders without weight, is in `test_leaders`.
"""

import inspect

import pytest

from schemas.generated.consensus import Nominate, Statement
from streams.consensus.application import Validation
from streams.consensus.claims import can_follow
from streams.consensus.errors import InsaneQuorumSet
from streams.consensus.outputs import Emit
from tests.streams.consensus.fixtures import node, quorum_set
from tests.streams.consensus.scenario import SLOT, Driver

FIVE = ["network 4 of v0 v1 v2 v3 v4", "node v0", "values x < y < z"]
THREE = ["network 2 of v0 v1 v2", "node v0", "values x < y < z"]


def play(header: list[str], *inputs: str) -> list[str]:
    """The outputs of the last input, without those about timers."""
    driver = Driver(header)
    lines: list[str] = []
    for text in inputs:
        lines = driver.perform(text)
    kept = [
        f"{line.split('|')[0]}| {part}"
        for line in lines
        for part in line.split("| ")[-1].split("; ")
        if not part.startswith(("timer", "stop", "heard", "round"))
    ]
    return [line.strip() for line in kept]


def test_pitfall_1_one_statement_where_a_v_blocking_set_is_a_quorum() -> None:
    """Of three, two others block and decide at once: two ways to the same move, one emission."""
    lines = play(THREE, "begin x", "recv v1 v2: PREPARE b=(1,x) p=(1,x) c=1 h=1")
    assert lines == [
        "v1 | emit CONFIRM b=(1,x) p=1 c=1 h=1",
    ]
    lines = play(
        THREE,
        "begin x",
        "recv v1: PREPARE b=(1,x) p=(1,x) c=1 h=1",
        "recv v2 v1: CONFIRM b=(1,x) p=1 c=1 h=1",
    )
    assert lines == ["v2 | emit EXTERNALIZE c=(1,x) h=1", "v2 | externalized x"]


def test_pitfall_2_nothing_moves_once_committed() -> None:
    decided = ("begin x", "recv v1 v2 v3: EXTERNALIZE c=(1,x) h=1")
    assert play(FIVE, *decided, "recv v4: CONFIRM b=(9,x) p=9 c=1 h=9") == []
    assert play(FIVE, *decided, "recv v4: CONFIRM b=(9,y) p=9 c=9 h=9") == [
        "v4 | refused VALUE_OTHER"
    ]
    assert play(FIVE, *decided, "timeout ballot 1") == []


def test_pitfall_3_a_time_out_keeps_the_value_of_h() -> None:
    confirmed = ("begin y", "recv v1 v2 v3: PREPARE b=(1,y) p=(1,y)")
    assert play(FIVE, *confirmed, "timeout ballot 1") == ["| emit PREPARE b=(2,y) p=(1,y) c=1 h=1"]
    # b = (1,y) is above (1,x): h cannot be set now, but the next ballot is about x.
    above = ("begin y", "recv v1 v2 v3 v4: PREPARE b=(1,x) p=(1,x)")
    assert play(FIVE, *above, "timeout ballot 1") == ["| emit PREPARE b=(2,x) p=(1,x) h=1"]


def test_pitfall_4_a_node_outside_its_own_quorum_set_counts_itself() -> None:
    """Its own claims are recorded, and by others' sets (here its own) they may not count at all: it
    follows the quorums of v0, v1 and v2."""
    outside = ["network 2 of v0 v1 v2", "node w", "values b < a"]
    first = "recv v1: PREPARE b=(2,a) p=(2,b) p'=(1,a) h=1"
    second = "recv v2: PREPARE b=(1,a) p=(1,a) c=1 h=1"
    assert play(outside, first, second) == ["v2 | emit PREPARE b=(1,a) p=(1,a) c=1 h=1"]
    third = "recv v0: PREPARE b=(2,a) p=(2,b) p'=(1,a) h=1"
    assert play(outside, first, second, third) == ["v0 | emit PREPARE b=(2,b) p=(2,a) p'=(2,b) h=2"]


def test_pitfall_5_a_watcher_decides_and_says_nothing() -> None:
    watcher = [FIVE[0], "node w watcher", FIVE[2]]
    driver = Driver(watcher)
    inputs = (
        "nominate x leaders: v1",
        "recv v1 v2 v3 v4: NOMINATE votes=x accepted=x",
        "recv v1 v2 v3 v4: PREPARE b=(1,x)",
        "timeout ballot 1",
        "recv v1 v2 v3 v4: EXTERNALIZE c=(1,x) h=1",
    )
    lines = [line for text in inputs for line in driver.perform(text)]
    assert not any("emit" in line for line in lines)
    assert any("externalized x" in line for line in lines)


def test_pitfall_6_a_restart_emits_nothing_and_contradicts_nothing() -> None:
    """Restarted after every single step of a decision, with what was to be durable by then."""
    story = [
        "nominate x leaders: v0",
        "recv v1 v2 v3: NOMINATE votes=x",
        "recv v1 v2 v3: NOMINATE votes=x accepted=x",
        "recv v1 v2 v3: PREPARE b=(1,x)",
        "timeout ballot 1",
        "recv v1 v2 v3: PREPARE b=(2,x) p=(1,x)",
        "recv v1 v2 v3: PREPARE b=(2,x) p=(2,x) c=2 h=2",
        "recv v1 v2 v3: CONFIRM b=(2,x) p=2 c=2 h=2",
    ]
    driver = Driver(FIVE)
    for text in story:
        driver.perform(text)
        durable = driver.scp.slots[SLOT].get_own_emitted()
        restarted = Driver(FIVE)
        statements = [Statement(node("v0"), SLOT, pledges) for pledges in durable]
        assert not any(isinstance(o, Emit) for o in restarted.scp.restore(statements))
        assert restarted.scp.slots[SLOT].get_own_emitted() == durable
        # What it says next, having heard other things, follows from what it said before.
        for other in ("PREPARE b=(1,z) p=(1,z)", "PREPARE b=(5,z) p=(5,z)", "NOMINATE votes=z"):
            restarted.perform(f"recv v1 v2 v3 v4: {other}")
        after = restarted.scp.slots[SLOT].get_own_emitted()
        for before in durable:
            is_nomination = isinstance(before, Nominate)
            same = [now for now in after if isinstance(now, Nominate) == is_nomination]
            assert all(can_follow(before, now) for now in same)


def test_pitfall_7_a_slot_not_started_gets_no_vote_and_no_time_out() -> None:
    heard = "recv v1 v2 v3 v4: NOMINATE votes=x accepted=x"
    assert play(FIVE, heard) == []
    assert play(FIVE, heard, "timeout nomination 1") == []
    assert play(FIVE, "timeout nomination 1") == []
    assert play(FIVE, "timeout ballot 1") == []


def test_pitfall_8_a_node_that_is_behind_says_nothing() -> None:
    driver = Driver(FIVE)
    driver.application.levels[driver.values["x"]] = Validation.MAYBE_VALID
    inputs = (
        "nominate x leaders: v0",
        "recv v1 v2 v3: NOMINATE votes=x accepted=x",
        "recv v1 v2 v3: PREPARE b=(1,x) p=(1,x)",
        "timeout ballot 1",
        "recv v1 v2 v3: CONFIRM b=(1,x) p=1 c=1 h=1",
    )
    lines = [line for text in inputs for line in driver.perform(text)]
    assert not any("emit" in line for line in lines)
    assert lines[-1] == "v3 | externalized x"


def test_pitfall_10_nomination_may_be_stricter_than_ballots() -> None:
    """A close time too far ahead gets no vote here; when the network decides on it, we follow."""
    strict = ("nominate y leaders: v1", "nomination-level x INVALID")
    nominated = "recv v1 v2 v3 v4: NOMINATE votes=x accepted=x"
    assert play(FIVE, *strict, nominated) == []
    prepared = "recv v1 v2 v3 v4: PREPARE b=(1,x) p=(1,x)"
    assert play(FIVE, *strict, nominated, prepared) == ["v3 | emit PREPARE b=(1,x) p=(1,x) c=1 h=1"]


def test_pitfall_11_what_peers_can_make_us_keep_is_bounded() -> None:
    driver = Driver(FIVE)
    scp = driver.scp
    pledges = driver.parse_pledges("PREPARE b=(1,x)")
    scp.purge(100)
    for slot, is_kept in ((99, False), (100, True), (227, True), (228, False), (2**64 - 1, False)):
        scp.receive(Statement(node("v1"), slot, pledges))
        assert (slot in scp.slots) == is_kept
    scp.receive(Statement(node("stranger"), 100, pledges))
    assert node("stranger") not in scp.electorate.bits
    with pytest.raises(InsaneQuorumSet):
        scp.add_quorum_set(quorum_set(1, *(f"v{number}" for number in range(1001))))


def test_pitfall_11_a_repeated_statement_costs_no_validation() -> None:
    driver = Driver(FIVE)
    driver.perform("recv v1: PREPARE b=(1,x)")
    driver.application.levels[driver.values["x"]] = Validation.INVALID
    assert driver.perform("recv v1: PREPARE b=(1,x)") == ["v1 | refused STALE"]


def test_pitfall_11_a_leader_cannot_make_our_statement_too_large_to_send() -> None:
    """An envelope holds 256 KiB, and an accepted value stands in a statement twice."""
    driver = Driver(FIVE)
    driver.perform("nominate x leaders: v1")
    votes: list[bytes] = []
    for number in range(40):
        votes.append(b"%02d" % number * 4000)
        statement = Statement(
            node("v1"), SLOT, Nominate(driver.scp.locals[0][1].quorum_set_hash, tuple(votes), ())
        )
        driver.scp.receive(statement)
    assert sum(map(len, driver.scp.slots[SLOT].nomination.votes)) <= 60_000


def test_pitfall_12_one_step_is_one_loop_and_one_statement() -> None:
    """From PREPARE to a decision in one receive: one statement sent, and no call within a call."""
    driver = Driver(THREE)
    depths: list[int] = []
    validate = driver.application.validate_value

    def measure(slot: int, value: bytes, is_nomination: bool) -> Validation:
        depths.append(len(inspect.stack(0)))
        return validate(slot, value, is_nomination)

    driver.application.validate_value = measure  # type: ignore[method-assign]
    driver.perform("begin x")
    driver.perform("recv v1: PREPARE b=(7,x) p=(6,x) c=1 h=5")
    assert driver.perform("recv v2: EXTERNALIZE c=(2,x) h=5") == [
        "v2 | emit EXTERNALIZE c=(2,x) h=inf; stop ballot; externalized x"
    ]
    assert max(depths) - min(depths) < 10
