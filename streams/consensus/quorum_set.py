"""Quorum sets as they travel: sanity, normal form, hash, weights.

Knows the record alone, not who has said what; `quorum` decides by quorum sets.
"""

import hashlib

from schemas.codec import encode
from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import QuorumSet

NESTING_MAX = 4
NODES_MAX = 1000
WEIGHT_MAX = (1 << 64) - 1


def validate_quorum_set(quorum_set: QuorumSet, is_own: bool = False) -> str | None:
    """What is wrong with it, or None.

    A node's own set must also be safe against its own slices: with a threshold below the v-blocking
    size (n - t + 1) two disjoint slices of it exist.
    """
    nodes: list[PublicKey] = []
    fault = _find_fault(quorum_set, 0, is_own, nodes)
    if fault is not None:
        return fault
    if not 1 <= len(nodes) <= NODES_MAX:
        return f"it has {len(nodes)} nodes; 1 to {NODES_MAX} are allowed"
    if len(set(nodes)) != len(nodes):
        return "a node is in it twice"
    return None


def _find_fault(
    quorum_set: QuorumSet, depth: int, is_own: bool, nodes: list[PublicKey]
) -> str | None:
    if depth > NESTING_MAX:
        return f"it is nested deeper than {NESTING_MAX} levels"
    entries = len(quorum_set.validators) + len(quorum_set.inner_sets)
    if not 1 <= quorum_set.threshold <= entries:
        return f"threshold {quorum_set.threshold} is not within 1 and its {entries} entries"
    if is_own and quorum_set.threshold < entries - quorum_set.threshold + 1:
        return f"threshold {quorum_set.threshold} of {entries} lets two slices disagree"
    nodes.extend(quorum_set.validators)
    for inner in quorum_set.inner_sets:
        fault = _find_fault(inner, depth + 1, is_own, nodes)
        if fault is not None:
            return fault
    return None


def normalise_quorum_set(quorum_set: QuorumSet) -> QuorumSet:
    """The one form of sets that mean the same: singletons merged into their parent, all sorted."""
    validators = list(quorum_set.validators)
    inner_sets = []
    for inner in map(normalise_quorum_set, quorum_set.inner_sets):
        if inner.threshold == 1 and len(inner.validators) == 1 and not inner.inner_sets:
            validators.append(inner.validators[0])
        else:
            inner_sets.append(inner)
    if quorum_set.threshold == 1 and not validators and len(inner_sets) == 1:
        return inner_sets[0]
    return QuorumSet(
        quorum_set.threshold,
        tuple(sorted(validators)),
        tuple(sorted(inner_sets, key=_get_sort_key)),
    )


def _get_sort_key(quorum_set: QuorumSet) -> tuple[object, ...]:
    inner = tuple(_get_sort_key(entry) for entry in quorum_set.inner_sets)
    return quorum_set.validators, inner, quorum_set.threshold


def compute_quorum_set_hash(quorum_set: QuorumSet) -> Hash:
    """SHA-256 of the set's bytes as they are; equal sets have equal hashes once normalised."""
    return Hash(hashlib.sha256(encode(quorum_set)).digest())


def get_nodes(quorum_set: QuorumSet) -> tuple[PublicKey, ...]:
    """All nodes of the set and of its inner sets, in its order."""
    nodes = list(quorum_set.validators)
    for inner in quorum_set.inner_sets:
        nodes.extend(get_nodes(inner))
    return tuple(nodes)


def compute_weights(quorum_set: QuorumSet) -> tuple[tuple[PublicKey, int], ...]:
    """Each node with the fraction of slices it is in, scaled to 0..2^64-1 and rounded up.

    The fraction is the product of threshold / entries over the nesting (draft, nomination).
    Where a node occurs twice its first occurrence counts.
    """
    weights: dict[PublicKey, int] = {}
    _collect_weights(quorum_set, 1, 1, weights)
    return tuple(weights.items())


def _collect_weights(
    quorum_set: QuorumSet, numerator: int, denominator: int, weights: dict[PublicKey, int]
) -> None:
    numerator *= quorum_set.threshold
    denominator *= len(quorum_set.validators) + len(quorum_set.inner_sets)
    for node in quorum_set.validators:
        weights.setdefault(node, -(-WEIGHT_MAX * numerator // denominator))
    for inner in quorum_set.inner_sets:
        _collect_weights(inner, numerator, denominator, weights)
