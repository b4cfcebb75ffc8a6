"""Quorum intersection, held against looking at every pair of quorums."""

from collections.abc import Mapping
from itertools import chain, combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.generated.common import PublicKey
from schemas.generated.consensus import QuorumSet
from streams.consensus.intersection import Verdict, check_intersection, make_uniform
from streams.consensus.quorum_set import normalise_quorum_set

Network = Mapping[PublicKey, QuorumSet]


def key(number: int) -> PublicKey:
    return PublicKey(bytes([number]) * 32)


def flat(threshold: int, *numbers: int) -> QuorumSet:
    return QuorumSet(threshold, tuple(key(each) for each in numbers), ())


def is_satisfied(quorum_set: QuorumSet, nodes: frozenset[PublicKey]) -> bool:
    count = sum(each in nodes for each in quorum_set.validators)
    count += sum(is_satisfied(each, nodes) for each in quorum_set.inner_sets)
    return count >= quorum_set.threshold


def list_quorums(network: Network, deleted: frozenset[PublicKey]) -> list[frozenset[PublicKey]]:
    nodes = [each for each in network if each not in deleted]
    subsets = chain.from_iterable(combinations(nodes, n) for n in range(1, len(nodes) + 1))
    return [
        found
        for found in map(frozenset, subsets)
        if all(is_satisfied(network[each], found | deleted) for each in found)
    ]


def has_split(network: Network, deleted: frozenset[PublicKey] = frozenset()) -> bool:
    return any(not a & b for a, b in combinations(list_quorums(network, deleted), 2))


def find_fewest(network: Network, test: object) -> int | None:
    nodes = list(network)
    for size in range(1, len(nodes) + 1):
        if any(test(frozenset(each)) for each in combinations(nodes, size)):  # type: ignore[operator]
            return size
    return None


def test_three_of_four_stop_with_two_and_split_with_two() -> None:
    answer = check_intersection(make_uniform(flat(3, 1, 2, 3, 4)))
    assert answer.verdict is Verdict.INTERSECT
    assert answer.halting is not None
    assert answer.splitting is not None
    assert (len(answer.halting), len(answer.splitting)) == (2, 2)


def test_organisations_stop_by_organisations() -> None:
    inner = tuple(flat(2, n, n + 1, n + 2) for n in (1, 4, 7))
    answer = check_intersection(make_uniform(normalise_quorum_set(QuorumSet(2, (), inner))))
    assert answer.verdict is Verdict.INTERSECT
    assert answer.halting is not None
    assert answer.splitting is not None
    assert (len(answer.halting), len(answer.splitting)) == (4, 1)


def test_two_islands_are_found() -> None:
    network = {key(n): flat(2, 1, 2) for n in (1, 2)} | {key(n): flat(2, 3, 4) for n in (3, 4)}
    answer = check_intersection(network)
    assert answer.verdict is Verdict.SPLIT
    assert answer.split is not None
    assert not answer.split[0] & answer.split[1]


def test_without_its_nodes_there_is_no_quorum() -> None:
    assert check_intersection({key(1): flat(2, 1, 2)}).verdict is Verdict.NO_QUORUM


def test_a_long_search_ends() -> None:
    network = make_uniform(flat(21, *range(1, 41)))
    answer = check_intersection(network, steps=50)
    assert answer.verdict is Verdict.UNKNOWN
    assert not answer.is_complete


quorum_sets = st.builds(
    lambda numbers, share: flat(max(1, round(len(numbers) * share)), *sorted(numbers)),
    st.sets(st.integers(1, 6), min_size=1),
    st.sampled_from((0.4, 0.51, 0.67, 1.0)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(quorum_sets, min_size=2, max_size=6))
def test_it_says_what_looking_at_every_pair_says(sets: list[QuorumSet]) -> None:
    network = {key(number): each for number, each in enumerate(sets, 1)}
    answer = check_intersection(network)
    quorums = list_quorums(network, frozenset())
    assert (answer.verdict is Verdict.NO_QUORUM) == (not quorums)
    assert (answer.verdict is Verdict.SPLIT) == has_split(network)
    if answer.split is not None:
        assert set(answer.split) <= set(quorums)
    if answer.verdict is Verdict.INTERSECT:
        alive = {n: q for n, q in network.items() if any(n in each for each in quorums)}
        expected = find_fewest(alive, lambda lost: not any(not q & lost for q in quorums))
        assert (answer.halting and len(answer.halting)) == expected
        splitting = find_fewest(alive, lambda lying: has_split(network, lying))
        assert (answer.splitting and len(answer.splitting)) == splitting
