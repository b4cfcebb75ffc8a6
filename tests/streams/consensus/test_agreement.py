"""Agreement, validity and termination of whole networks under any schedule (see `network`)."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.generated.common import PublicKey
from schemas.generated.consensus import QuorumSet
from tests.streams.consensus.fixtures import node, quorum_set
from tests.streams.consensus.network import Network

SEEDS = st.integers(0, 2**32)
RUNS = settings(max_examples=60, deadline=None, derandomize=True)


def make_flat(size: int, threshold: int) -> dict[PublicKey, QuorumSet]:
    names = [f"v{number}" for number in range(size)]
    return {node(name): quorum_set(threshold, *names) for name in names}


def make_organisations() -> dict[PublicKey, QuorumSet]:
    names = [[f"{org}{number}" for number in range(3)] for org in "abc"]
    nested = quorum_set(2, *(quorum_set(2, *members) for members in names))
    return {node(name): nested for members in names for name in members}


def make_uneven() -> dict[PublicKey, QuorumSet]:
    """Core nodes that need each other, and outer ones that follow them by different sets."""
    core = ["v0", "v1", "v2", "v3"]
    sets = {node(name): quorum_set(3, *core) for name in core}
    sets[node("w0")] = quorum_set(3, "w0", "v0", "v1", quorum_set(2, "v2", "v3"))
    sets[node("w1")] = quorum_set(2, "w1", quorum_set(3, *core), "w0")
    return sets


NETWORKS = {
    "four": make_flat(4, 3),
    "seven": make_flat(7, 5),
    "organisations": make_organisations(),
    "uneven": make_uneven(),
}


@RUNS
@given(name=st.sampled_from(sorted(NETWORKS)), seed=SEEDS)
def test_all_decide_the_same(name: str, seed: int) -> None:
    network = Network(NETWORKS[name], Random(seed))
    network.run_wild(steps=150 * len(network.peers))
    network.run_fair()


@pytest.mark.slow
@RUNS
@given(size=st.sampled_from([4, 5, 7]), seed=SEEDS)
def test_faulty_nodes_within_the_bound_neither_split_nor_stop_the_others(
    size: int, seed: int
) -> None:
    bound = (size - 1) // 3
    quorum_sets = make_flat(size, size - bound)
    network = Network(quorum_sets, Random(seed), faulty=tuple(quorum_sets)[:bound])
    network.run_wild(steps=150 * size)
    network.run_fair()


@pytest.mark.slow
@RUNS
@given(size=st.sampled_from([4, 7]), has_faulty=st.booleans(), seed=SEEDS)
def test_nodes_that_combine_candidates_differently_do_not_split(
    size: int, has_faulty: bool, seed: int
) -> None:
    """Ballots of two values contend for ever, which only safety survives."""
    quorum_sets = make_flat(size, size - (size - 1) // 3)
    faulty = tuple(quorum_sets)[: (size - 1) // 3] if has_faulty else ()
    network = Network(quorum_sets, Random(seed), faulty=faulty)
    pair = sorted(network.proposals.values())[-2:]
    for peer in network.peers.values():
        peer.application.composite = network.random.choice(pair)
    network.run_wild(steps=300 * size)


def test_the_network_notices_a_split() -> None:
    """Two halves that do not need each other decide differently: the check must see it."""
    halves = [["v0", "v1"], ["v2", "v3"]]
    network = Network(
        {node(name): quorum_set(2, *half) for half in halves for name in half}, Random(0)
    )
    for peer in network.peers.values():
        network.start(peer)
    with pytest.raises(AssertionError):
        network.run_fair()
