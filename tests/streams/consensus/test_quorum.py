"""Slices, v-blocking sets and quorums against their definitions, on sets one can enumerate."""

from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.generated.common import PublicKey
from schemas.generated.consensus import QuorumSet
from streams.consensus.quorum import (
    Electorate,
    Slices,
    find_closest_v_blocking,
    is_slice,
    is_v_blocking,
)
from streams.consensus.quorum_set import get_nodes
from streams.consensus.voting import Tally
from tests.streams.consensus.fixtures import node, quorum_set

NAMES = [f"v{number}" for number in range(6)]
Nodes = frozenset[PublicKey]


def compile_set(wanted: QuorumSet) -> tuple[Electorate, Slices]:
    electorate = Electorate()
    return electorate, electorate.slices[electorate.add(wanted)]


def get_subsets(nodes: tuple[PublicKey, ...]) -> list[Nodes]:
    sizes = range(len(nodes) + 1)
    return [frozenset(c) for c in chain.from_iterable(combinations(nodes, n) for n in sizes)]


def get_slices(wanted: QuorumSet) -> list[Nodes]:
    """All sets that satisfy the quorum set, by its definition."""

    def is_met(entry: QuorumSet, nodes: Nodes) -> bool:
        met = sum(n in nodes for n in entry.validators)
        return met + sum(is_met(inner, nodes) for inner in entry.inner_sets) >= entry.threshold

    return [nodes for nodes in get_subsets(get_nodes(wanted)) if is_met(wanted, nodes)]


@st.composite
def quorum_sets(draw: st.DrawFn) -> QuorumSet:
    """Up to two levels over up to six nodes, no node twice."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    groups: list[list[str]] = [[], [], []]
    for name in names:
        groups[draw(st.integers(0, 2))].append(name)
    inner = [quorum_set(draw(st.integers(1, len(group))), *group) for group in groups[1:] if group]
    entries: list[str | QuorumSet] = [*groups[0], *inner]
    return quorum_set(draw(st.integers(1, len(entries))), *entries)


@pytest.mark.parametrize(
    ("names", "has_slice", "blocks"),
    [("v0", False, False), ("v0 v2", False, True), ("v0 v2 v3", True, True)],
)
def test_three_of_four(names: str, has_slice: bool, blocks: bool) -> None:
    electorate, slices = compile_set(quorum_set(3, "v0", "v1", "v2", "v3"))
    nodes = electorate.get_bits(tuple(map(node, names.split())))
    assert is_slice(slices, nodes) == has_slice
    assert is_v_blocking(slices, nodes) == blocks


@given(wanted=quorum_sets())
def test_slices_and_v_blocking_sets_by_definition(wanted: QuorumSet) -> None:
    electorate, slices = compile_set(wanted)
    defined = get_slices(wanted)
    for nodes in get_subsets(get_nodes(wanted)):
        bits = electorate.get_bits(tuple(nodes))
        assert is_slice(slices, bits) == any(entry <= nodes for entry in defined)
        assert is_v_blocking(slices, bits) == all(entry & nodes for entry in defined)


@given(wanted=quorum_sets(), data=st.data())
def test_closest_v_blocking_set_by_definition(wanted: QuorumSet, data: st.DataObject) -> None:
    electorate, slices = compile_set(wanted)
    everyone = get_nodes(wanted)
    alive = frozenset(data.draw(st.lists(st.sampled_from(everyone), unique=True)))
    found = find_closest_v_blocking(slices, tuple(electorate.bits[n] for n in sorted(alive)))
    down = frozenset(everyone) - alive
    needed = [
        len(failed)
        for failed in get_subsets(tuple(alive))
        if all(entry & (down | failed) for entry in get_slices(wanted))
    ]
    assert len(found) == min(needed)
    failed = frozenset(n for n in alive if electorate.bits[n] in found)
    assert len(failed) == len(found)
    assert all(entry & (down | failed) for entry in get_slices(wanted))


DISTANCES = [
    # threshold, further entries, nodes alive, size of the closest v-blocking set
    (2, (), "v0", 0),
    (2, (), "v0 v1", 1),
    (2, (), "v0 v1 v2", 2),
    (2, ("A",), "v0 v1 v2 v3", 3),
    (2, ("A",), "v0 v1 v2 v3 v4", 3),
    (1, ("A",), "v0 v1 v2 v3 v4", 5),
    (1, ("A",), "v0 v1 v2 v3 v4 v5", 6),
    (1, ("A", "B"), "v0 v1 v2 v3 v4 v5", 6),
    (1, ("A", "B"), "v0 v1 v2 v3 v4 v5 v6", 6),
    (1, ("A", "B"), "v0 v1 v2 v3 v4 v5 v6 v7", 7),
    (4, ("A", "B"), "v0 v1 v2 v3 v4 v5 v6 v7", 2),
    (3, ("A", "B"), "v0 v1 v2 v3 v4 v5 v6 v7", 3),
    (2, ("A", "B"), "v0 v1 v2 v3 v4 v5 v6 v7", 4),
]


@pytest.mark.parametrize(("threshold", "inner", "alive", "size"), DISTANCES)
def test_v_blocking_distance(threshold: int, inner: tuple[str, ...], alive: str, size: int) -> None:
    """Three nodes, with inner sets 1 of three (A) and 2 of two (B)."""
    sets = {"A": quorum_set(1, "v3", "v4", "v5"), "B": quorum_set(2, "v6", "v7")}
    wanted = quorum_set(threshold, "v0", "v1", "v2", *(sets[name] for name in inner))
    electorate, slices = compile_set(wanted)
    bits = tuple(electorate.bits[node(name)] for name in alive.split())
    assert len(find_closest_v_blocking(slices, bits)) == size


@given(data=st.data())
@settings(max_examples=60)
def test_quorums_by_definition(data: st.DataObject) -> None:
    """A quorum contains a slice of each of its members; here: some quorum within the claimants also
    contains a slice of the local node. Nodes without a set (EXTERNALIZE) are their own slice."""
    electorate = Electorate()
    sets = {node(name): data.draw(quorum_sets()) for name in NAMES}
    alone = data.draw(st.frozensets(st.sampled_from(sorted(sets)), max_size=2))
    hashes = {n: electorate.add(wanted) for n, wanted in sets.items()}
    local = sorted(sets)[0]
    tally: Tally[None] = Tally(electorate.slices[hashes[local]])
    for member in sets:
        own = None if member in alone else hashes[member]
        tally.record(electorate.add_node(member), None, hashes[local], tally.local)
        slices_of_own = None if own is None else electorate.slices[own]
        tally.record(electorate.add_node(member), None, own, slices_of_own)
    slices = {n: [frozenset({n})] if n in alone else get_slices(sets[n]) for n in sets}
    claimants = frozenset(data.draw(st.lists(st.sampled_from(sorted(sets)), unique=True)))
    quorums = [
        nodes
        for nodes in get_subsets(tuple(sorted(claimants)))
        if nodes and all(any(entry <= nodes for entry in slices[n]) for n in nodes)
    ]
    expected = any(entry <= nodes for nodes in quorums for entry in get_slices(sets[local]))
    assert tally.has_quorum(electorate.get_bits(tuple(claimants))) == expected


def test_a_slice_is_not_a_quorum_unless_its_members_agree() -> None:
    """The draft's example of a configuration: v1 needs v2 and v3, who need v4."""
    electorate = Electorate()
    first = electorate.add(quorum_set(3, "v1", "v2", "v3"))
    others = electorate.add(quorum_set(3, "v2", "v3", "v4"))
    tally: Tally[None] = Tally(electorate.slices[first])
    tally.record(electorate.bits[node("v1")], None, first, electorate.slices[first])
    for name in ("v2", "v3", "v4"):
        tally.record(electorate.bits[node(name)], None, others, electorate.slices[others])
    three = electorate.get_bits(tuple(map(node, ("v1", "v2", "v3"))))
    assert not tally.has_quorum(three)
    assert tally.has_quorum(three | electorate.bits[node("v4")])
