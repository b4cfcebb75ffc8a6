"""Named situations: a quorum lost and back, sides of a cut, a wiped node, a crash in a step."""

from itertools import pairwise

import pytest

from schemas.codec import decode
from schemas.generated.consensus import Prepare, ScpValue, Statement
from schemas.generated.overlay import Message, SetRequest, Statements, TransactionSet
from streams.herder.herder import Herder
from streams.herder.outputs import Broadcast, Commit, Output, Send
from tests.simulation.beginning import make_beginning
from tests.simulation.checks import check_chain
from tests.simulation.network import Weather
from tests.simulation.node import RECORDS_MAX
from tests.simulation.world import World

HEARTBEAT_MS = 5_000
SECOND_MS = 1_000


def make_world(seed: int = 1, validators: int = 4) -> World:
    world = World(seed, make_beginning(validators), tuple(range(validators)))
    for node in world.nodes:
        world.start(node)
    return world


def offer_for(world: World, duration_ms: int) -> None:
    """A few transactions every 100 ms."""
    for _ in range(duration_ms // 100):
        world.offer()
        world.run_for(100)


def cut_off(world: World, group: set[int]) -> None:
    others = set(range(len(world.nodes))) - group
    world.set_cut({(a, b) for a in group for b in others} | {(b, a) for a in group for b in others})


def check_equal(world: World) -> None:
    position = make_beginning(len(world.nodes)).position
    assert world.is_level()
    roots = {node.disk.load_ledger().header.state_root for node in world.nodes}
    assert len(roots) == 1
    for node in world.nodes:
        check_chain(node.name, node.disk, position)


def test_a_quiet_network_closes_a_ledger_every_heartbeat() -> None:
    world = make_world()
    first = world.get_sequence()
    world.run_for(10 * HEARTBEAT_MS)
    assert world.get_sequence() - first in (9, 10)
    assert not world.alarms


def test_a_busy_network_closes_ledgers_one_interval_apart() -> None:
    world = make_world()
    first = world.get_sequence()
    offer_for(world, 10 * SECOND_MS)
    assert world.get_sequence() - first >= 25
    times = [world.checks.close_times[s] for s in sorted(world.checks.close_times)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 200
    world.run_for(SECOND_MS)
    check_equal(world)
    assert not world.alarms


@pytest.mark.parametrize(("validators", "lost"), [(4, 2), (7, 3), (4, 4)])
def test_without_a_quorum_nothing_closes_and_with_it_all_goes_on(
    validators: int, lost: int
) -> None:
    world = make_world(validators=validators)
    offer_for(world, 2 * SECOND_MS)
    for node in world.nodes[:lost]:
        node.crash()
    world.run_for(SECOND_MS)  # what was decided before may still be closed
    halted = world.get_sequence()
    offer_for(world, 30 * SECOND_MS)
    assert world.get_sequence() == halted
    for node in world.nodes[:lost]:
        world.start(node)
    assert world.run_for(3 * HEARTBEAT_MS, lambda: world.get_sequence() > halted)
    world.run_for(4 * HEARTBEAT_MS)
    check_equal(world)


def test_one_node_down_stops_nobody() -> None:
    world = make_world()
    world.nodes[0].crash()
    first = world.get_sequence()
    offer_for(world, 20 * SECOND_MS)
    assert world.get_sequence() - first >= 10


def test_only_the_side_with_a_quorum_goes_on() -> None:
    world = make_world(validators=7)
    offer_for(world, SECOND_MS)
    cut_off(world, {0, 1})
    world.run_for(SECOND_MS)
    minority = [world.nodes[0].sequence, world.nodes[1].sequence]
    majority = world.get_sequence()
    offer_for(world, 10 * SECOND_MS)
    assert [world.nodes[0].sequence, world.nodes[1].sequence] == minority
    assert world.get_sequence() >= majority + 5
    world.set_cut(set())
    world.run_for(3 * HEARTBEAT_MS)
    check_equal(world)


def test_of_two_halves_neither_goes_on() -> None:
    world = make_world()
    cut_off(world, {0, 1})
    world.run_for(SECOND_MS)
    halted = world.get_sequence()
    offer_for(world, 20 * SECOND_MS)
    assert world.get_sequence() == halted
    world.set_cut(set())
    assert world.run_for(HEARTBEAT_MS, lambda: world.get_sequence() > halted)


@pytest.mark.slow
@pytest.mark.parametrize("is_busy", [True, False])
def test_a_wiped_node_catches_up_from_its_peers(is_busy: bool) -> None:
    world = make_world()
    node = world.nodes[2]
    node.crash()
    offer_for(world, 20 * SECOND_MS)
    node.disk = make_beginning(4).disk.copy()
    world.start(node)
    if is_busy:
        offer_for(world, 10 * SECOND_MS)
    world.run_for(3 * HEARTBEAT_MS)
    check_equal(world)
    assert node.sequence > 30


@pytest.mark.slow
def test_catching_up_asks_about_once_for_each_batch() -> None:
    """Each answer brings many ledgers; asking after each would bring them many times over."""
    world = make_world()
    node = world.nodes[2]
    node.crash()
    offer_for(world, 30 * SECOND_MS)
    missed = world.get_sequence() - node.sequence
    assert missed > 2 * RECORDS_MAX
    world.links.weather = Weather(delay_min_ms=5, delay_max_ms=5)  # in order, as TCP delivers
    world.sent.clear()
    world.start(node)
    world.run_for(2 * HEARTBEAT_MS)
    check_equal(world)
    assert world.sent[node.index, "LedgerRequest"] <= missed // RECORDS_MAX + 4


def test_a_crash_between_two_commits_of_one_step_leaves_a_disk_that_loads() -> None:
    """A node that is behind closes several ledgers in one step, each stored by itself."""
    world = make_world()
    node, peer = world.nodes[3], world.nodes[0]
    offer_for(world, SECOND_MS)
    cut_off(world, {3})
    offer_for(world, 3 * SECOND_MS)
    assert peer.herder is not None
    said = peer.herder.agreement.get_envelopes(node.sequence + 1)
    node.receive(peer.node_id, Message(Statements(said)))
    first, second = node.sequence + 1, node.sequence + 2  # it lacks the sets from there on
    sets = [_get_set(peer.herder, slot) for slot in (second, first)]
    node.receive(peer.node_id, Message(sets[0]))
    assert node.sequence == first - 1
    world.crash_rule = lambda which, output: which is node and _is_commit_of(output, second)
    node.receive(peer.node_id, Message(sets[1]))
    assert node.herder is None
    assert node.sequence == first
    node.disk.load_ledger()
    world.crash_rule = lambda _, __: False
    world.set_cut(set())
    world.start(node)
    world.run_for(2 * HEARTBEAT_MS)
    check_equal(world)


def test_a_set_that_died_with_all_nodes_is_waited_for_no_longer_than_a_time_out() -> None:
    """A set is durable from the first vote to commit it: before that a statement outlives it."""
    world = make_world()
    offer_for(world, SECOND_MS)
    world.crash_rule = lambda _, output: _is_prepare(output)
    offer_for(world, SECOND_MS)
    assert all(node.herder is None for node in world.nodes)
    world.crash_rule = lambda _, __: False
    before = world.get_sequence()
    for node in world.nodes:
        world.start(node)
    assert world.run_for(2 * SECOND_MS, lambda: world.get_sequence() > before)
    assert any("never arrived" in alarm for alarm in world.alarms)
    world.run_for(2 * HEARTBEAT_MS)
    check_equal(world)


def _is_prepare(output: Output) -> bool:
    """A vote that is durable and about to be sent."""
    return (
        isinstance(output, Broadcast)
        and isinstance(output.message.body, Statements)
        and any(
            isinstance(decode(Statement, each.statement).pledges, Prepare)
            for each in output.message.body.envelopes
        )
    )


def _is_commit_of(output: Output, sequence: int) -> bool:
    return isinstance(output, Commit) and output.closed.header.sequence == sequence


def _get_set(herder: Herder, slot: int) -> TransactionSet:
    """The set that was decided, as a peer would send it."""
    value = decode(ScpValue, herder.agreement.externalized[slot])
    request = Message(SetRequest(value.set_hash))
    [reply] = herder.receive(herder.agreement.node_id, request, 0)
    assert isinstance(reply, Send)
    assert isinstance(reply.message.body, TransactionSet)
    return reply.message.body


def test_a_ledger_that_half_of_the_nodes_closed_before_all_died_is_closed_by_the_others() -> None:
    """Its set was on the disk that is lost, and where it is closed nobody needs it any more."""
    world = make_world()
    lost, late, *closed = world.nodes
    first = world.get_sequence()
    cut_off(world, {late.index})

    def is_half_closed() -> bool:
        newest = world.get_sequence()
        rows = [node.disk.ledgers.get(newest) for node in closed]
        return newest > first + 1 and all(row and row.certificate is None for row in rows)

    for _ in range(100):
        world.offer()
        if world.run_for(100, is_half_closed):
            break
    newest = world.get_sequence()
    assert is_half_closed()
    for node in world.nodes:
        node.crash()
    world.wipe(lost)
    world.set_cut(set())
    for node in world.nodes:
        world.start(node)
    assert world.run_for(60 * SECOND_MS, lambda: world.get_sequence() > newest)
    world.run_for(4 * HEARTBEAT_MS)
    check_equal(world)
