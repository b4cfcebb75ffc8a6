"""Votes: settings and quorum sets change while ledgers close, and everybody follows."""

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.generated.common import U64
from schemas.generated.consensus import (
    IntervalsUpgrade,
    QuorumSet,
    QuorumSetUpgrade,
    SetLimitsUpgrade,
    TimeoutsUpgrade,
    Upgrade,
    VersionUpgrade,
)
from schemas.generated.entries import NetworkSettings
from schemas.generated.ledger import LedgerHeader
from streams.herder.votes import Vote
from tests.simulation.beginning import make_beginning
from tests.simulation.checks import check_chain
from tests.simulation.node import NEWEST_RELEASE, Node
from tests.simulation.world import World
from tests.support.network import get_public_key

pytestmark = pytest.mark.slow

SECOND_MS = 1_000
FOREVER_MS = 1 << 60
SLOWER = IntervalsUpgrade(U64(400), U64(5_000))


def make_world(validators: int = 4, nodes: Sequence[int] = range(4), seed: int = 1) -> World:
    """`nodes`: the numbers of their keys; those that are no validators at first only follow."""
    world = World(seed, make_beginning(validators), tuple(nodes))
    for node in world.nodes:
        world.start(node)
    return world


def make_vote(change: Any, from_sequence: int = 0) -> Vote:
    return Vote(encode(Upgrade(change)), 0, from_sequence, FOREVER_MS)


def make_set(threshold: int, members: Iterable[int]) -> QuorumSetUpgrade:
    keys = sorted(get_public_key(f"validator {number}") for number in members)
    return QuorumSetUpgrade(QuorumSet(threshold, tuple(keys), ()))


def offer_for(world: World, duration_ms: int) -> None:
    for _ in range(duration_ms // 100):
        world.offer()
        world.run_for(100)


def get_settings(node: Node) -> NetworkSettings:
    return node.disk.load_ledger().state.get_network_settings()


def get_set(node: Node) -> QuorumSet:
    return node.disk.load_ledger().state.get_validators().quorum_set


def is_settled(world: World) -> bool:
    return world.is_level() and not any(node.disk.get_uncertified() for node in world.nodes)


def check(world: World, validators: int = 4) -> None:
    """All are level and every chain verifies through the changes of its quorum set."""
    assert world.run_for(20 * SECOND_MS, lambda: is_settled(world))
    position = make_beginning(validators).position
    for node in world.nodes:
        check_chain(node.name, node.disk, position)
    assert not world.alarms


def get_signers(node: Node, sequence: int) -> int:
    certificate = node.disk.ledgers[sequence].certificate
    assert certificate is not None
    return len(certificate.signatures)


def find_change(node: Node) -> int:
    """The ledger after which another quorum set rules."""
    hashes = {
        s: decode(LedgerHeader, r.header).quorum_set_hash for s, r in node.disk.ledgers.items()
    }
    return next(s for s in sorted(hashes) if s > 1 and hashes[s] != hashes[s - 1])


def test_what_a_quorum_votes_for_rules_and_the_others_follow() -> None:
    world = make_world()
    offer_for(world, SECOND_MS)
    for node in world.nodes[:3]:
        node.vote(make_vote(SLOWER), make_vote(TimeoutsUpgrade(U64(600), U64(500))))
    offer_for(world, 5 * SECOND_MS)
    assert {get_settings(node).minimum_interval_ms for node in world.nodes} == {400}
    assert {get_settings(node).timeout_initial_ms for node in world.nodes} == {600}
    check(world)


def test_what_one_votes_for_changes_nothing_and_stops_nothing() -> None:
    world = make_world()
    world.nodes[0].vote(make_vote(SLOWER))
    first = world.get_sequence()
    offer_for(world, 5 * SECOND_MS)
    assert world.get_sequence() - first >= 10
    assert {get_settings(node).minimum_interval_ms for node in world.nodes} == {200}
    check(world)


def test_a_vote_waits_for_its_ledger_and_a_withdrawn_one_is_gone() -> None:
    world = make_world()
    due = world.get_sequence() + 10
    for node in world.nodes:
        node.vote(make_vote(SLOWER, due), make_vote(SetLimitsUpgrade(7, 2_000_000), due + 10))
    while world.get_sequence() < due + 3:
        offer_for(world, 100)
    assert get_settings(world.nodes[0]).minimum_interval_ms == 400
    for node in world.nodes:
        node.vote()
    offer_for(world, 10 * SECOND_MS)
    assert world.get_sequence() > due + 10
    assert get_settings(world.nodes[0]).max_set_transactions == 4_000
    check(world)


CHANGES = {
    "a validator is added": (range(5), make_set(4, range(5))),
    "a validator is replaced": (range(5), make_set(3, (0, 1, 2, 4))),
    "a validator is removed": (range(4), make_set(2, range(3))),
    "a threshold is raised": (range(4), make_set(4, range(4))),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_quorum_set_changes(name: str) -> None:
    members, change = CHANGES[name]
    world = make_world(nodes=members)
    offer_for(world, SECOND_MS)
    for node in world.nodes:
        node.vote(make_vote(change))
    offer_for(world, 5 * SECOND_MS)
    assert all(get_set(node) == change.quorum_set for node in world.nodes)
    changed = find_change(world.nodes[0])
    assert world.get_sequence() >= changed + 5
    assert get_signers(world.nodes[0], changed + 2) >= change.quorum_set.threshold
    check(world)


def test_who_was_added_counts_and_who_was_removed_does_not() -> None:
    world = make_world(nodes=range(5))
    for node in world.nodes:
        node.vote(make_vote(make_set(3, (0, 1, 2, 4))))
    offer_for(world, 3 * SECOND_MS)
    world.nodes[3].crash()  # no validator any more
    world.nodes[0].crash()
    before = world.get_sequence()
    offer_for(world, 5 * SECOND_MS)
    assert world.get_sequence() > before + 5  # 1, 2 and 4 are a quorum
    world.nodes[4].crash()
    world.run_for(SECOND_MS)
    halted = world.get_sequence()
    offer_for(world, 3 * SECOND_MS)
    assert world.get_sequence() == halted
    for node in world.nodes:
        world.start(node)
    check(world)


def test_two_changes_in_neighbouring_ledgers() -> None:
    world = make_world(nodes=range(5))
    due = world.get_sequence() + 5
    for node in world.nodes:
        node.vote(make_vote(make_set(4, range(5)), due), make_vote(make_set(5, range(5)), due + 1))
    offer_for(world, 5 * SECOND_MS)
    assert all(get_set(node).threshold == 5 for node in world.nodes)
    hashes = {
        decode(LedgerHeader, world.nodes[0].disk.ledgers[due + each].header).quorum_set_hash
        for each in (-1, 0, 1)
    }
    assert len(hashes) == 3
    check(world)


def test_who_was_down_meanwhile_follows_the_change() -> None:
    world = make_world(nodes=range(5))
    world.nodes[3].crash()
    for node in world.nodes:
        if node.index != 3:
            node.vote(make_vote(make_set(4, range(5))))
    offer_for(world, 5 * SECOND_MS)
    assert get_set(world.nodes[0]).threshold == 4
    world.start(world.nodes[3])
    offer_for(world, 3 * SECOND_MS)
    check(world)
    world.nodes[4].crash()
    before = world.get_sequence()
    offer_for(world, 5 * SECOND_MS)
    assert world.get_sequence() > before + 5  # with the one that was down


@pytest.mark.parametrize("seed", range(6))
def test_nodes_that_are_killed_around_the_change_come_back_into_it(seed: int) -> None:
    """Their ledgers without certificates are certified by those who ruled them."""
    world = make_world(nodes=range(5), seed=seed)
    offer_for(world, SECOND_MS)
    for node in world.nodes:
        node.vote(make_vote(make_set(4, range(5))))
    for _ in range(25):
        world.offer()
        world.run_for(100)
        if world.random.random() < 0.5:
            world.nodes[world.random.randrange(5)].crash()
        for node in world.nodes:
            if world.random.random() < 0.7:
                world.start(node)
    for node in world.nodes:
        world.start(node)
    offer_for(world, 5 * SECOND_MS)
    assert all(get_set(node).threshold == 4 for node in world.nodes)
    check(world)


def test_a_node_of_an_older_release_stops_before_it_signs_and_follows_once_it_is_renewed() -> None:
    world = make_world()
    world.is_mixed = True
    *renewed, old = world.nodes
    for node in renewed:
        node.crash()
        node.release = NEWEST_RELEASE
        world.start(node)
    offer_for(world, SECOND_MS)
    for node in renewed:
        node.vote(make_vote(VersionUpgrade(NEWEST_RELEASE)))
    offer_for(world, 5 * SECOND_MS)
    assert {get_settings(node).ledger_version for node in renewed} == {NEWEST_RELEASE}
    assert old.herder is None
    assert world.counts["stopped by an old release"] > 0
    assert get_settings(old).ledger_version < NEWEST_RELEASE
    old.release = NEWEST_RELEASE
    world.start(old)
    check(world)
    assert get_settings(old).ledger_version == NEWEST_RELEASE
