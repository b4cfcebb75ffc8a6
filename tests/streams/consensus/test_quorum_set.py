"""Sanity, normal form, hash and weights of quorum sets."""

import pytest

from schemas.codec import decode, encode
from schemas.generated.consensus import QuorumSet
from streams.consensus.errors import InsaneQuorumSet
from streams.consensus.quorum import Electorate
from streams.consensus.quorum_set import (
    NODES_MAX,
    WEIGHT_MAX,
    compute_quorum_set_hash,
    compute_weights,
    normalise_quorum_set,
    validate_quorum_set,
)
from tests.streams.consensus.fixtures import node, quorum_set

MANY = [f"v{number:04}" for number in range(NODES_MAX + 1)]


def make_chain(levels: int) -> QuorumSet:
    """One node on each level, the last one `levels` below the top."""
    chain = quorum_set(1, f"v{levels}")
    for level in reversed(range(levels)):
        chain = quorum_set(1, f"v{level}", chain)
    return chain


SANE = {
    "one node": quorum_set(1, "v0"),
    "a singleton inside": quorum_set(1, "v0", quorum_set(1, "v1")),
    "four levels down": make_chain(4),
    "1000 nodes": quorum_set(1, *MANY[:NODES_MAX]),
}
INSANE = {
    "empty": (quorum_set(0), "threshold 0 is not within 1 and its 0 entries"),
    "threshold 0": (quorum_set(0, "v0"), "threshold 0 is not within 1 and its 1 entries"),
    "threshold above": (quorum_set(2, "v0"), "threshold 2 is not within 1 and its 1 entries"),
    "inner threshold above": (quorum_set(1, "v0", quorum_set(2, "v1")), "threshold 2"),
    "five levels down": (make_chain(5), "nested deeper than 4 levels"),
    "1001 nodes": (quorum_set(1, *MANY), "it has 1001 nodes"),
    "1001 nodes in inner sets": (
        quorum_set(
            1, MANY[0], *(quorum_set(1, *MANY[at : at + 100]) for at in range(1, 1001, 100))
        ),
        "it has 1001 nodes",
    ),
    "no node": (QuorumSet(1, (), (QuorumSet(1, (), (QuorumSet(0, (), ()),)),)), "threshold 0"),
    "twice": (quorum_set(1, "v0", "v0"), "a node is in it twice"),
    "twice on two levels": (quorum_set(1, "v0", quorum_set(1, "v0", "v1")), "a node is in it"),
}


@pytest.mark.parametrize("name", SANE)
def test_sane(name: str) -> None:
    assert validate_quorum_set(SANE[name]) is None
    assert Electorate().add(SANE[name]) == compute_quorum_set_hash(SANE[name])


@pytest.mark.parametrize("name", INSANE)
def test_insane(name: str) -> None:
    insane, fault = INSANE[name]
    assert fault in (validate_quorum_set(insane) or "")
    with pytest.raises(InsaneQuorumSet, match=fault):
        Electorate().add(insane)


@pytest.mark.parametrize(("threshold", "is_safe"), [(1, False), (2, False), (3, True), (4, True)])
def test_an_own_set_must_not_have_two_disjoint_slices(threshold: int, is_safe: bool) -> None:
    four = quorum_set(threshold, "v0", "v1", "v2", "v3")
    assert (validate_quorum_set(four, is_own=True) is None) == is_safe
    assert validate_quorum_set(four) is None
    nested = quorum_set(1, four)
    assert (validate_quorum_set(nested, is_own=True) is None) == is_safe


def test_normal_form_merges_singletons_and_sorts() -> None:
    inner = quorum_set(1, "v3", "v2")
    mixed = quorum_set(1, "v1", quorum_set(1, "v0"), inner)
    normal = quorum_set(1, "v0", "v1", quorum_set(1, "v2", "v3"))
    assert normalise_quorum_set(mixed) == normal
    # A set that holds one set only is that set.
    assert normalise_quorum_set(quorum_set(1, mixed)) == normal
    # A threshold of 2 is not merged, even where it can never be met.
    insane = quorum_set(1, "v0", quorum_set(2, "v1"))
    assert normalise_quorum_set(insane) == insane


def test_normal_form_merges_a_chain_from_its_end() -> None:
    chain = quorum_set(1, "v0", quorum_set(1, "v1", quorum_set(1, "v2", quorum_set(1, "v3"))))
    merged = quorum_set(1, "v0", quorum_set(1, "v1", quorum_set(1, "v2", "v3")))
    assert normalise_quorum_set(chain) == merged


def test_sets_that_mean_the_same_have_one_hash_once_normalised() -> None:
    first = quorum_set(2, "v0", quorum_set(1, "v3", "v2"), quorum_set(2, "v4", "v5"), "v1")
    second = quorum_set(2, "v1", "v0", quorum_set(2, "v5", "v4"), quorum_set(1, "v2", "v3"))
    assert compute_quorum_set_hash(first) != compute_quorum_set_hash(second)
    assert normalise_quorum_set(first) == normalise_quorum_set(second)
    travelled = decode(QuorumSet, encode(normalise_quorum_set(second)))
    assert compute_quorum_set_hash(travelled) == compute_quorum_set_hash(
        normalise_quorum_set(first)
    )


def test_weights_are_products_of_fractions() -> None:
    nested = quorum_set(2, "v0", quorum_set(1, "v1", "v2"), quorum_set(2, "v3", "v4", "v5", "v6"))
    weights = dict(compute_weights(nested))
    expected = {"v0": (2, 3), "v1": (2, 6), "v2": (2, 6), "v3": (4, 12), "v6": (4, 12)}
    for name, (numerator, denominator) in expected.items():
        exact = WEIGHT_MAX * numerator
        assert 0 <= weights[node(name)] * denominator - exact < denominator, name
    assert compute_weights(quorum_set(1, "v0")) == ((node("v0"), WEIGHT_MAX),)
