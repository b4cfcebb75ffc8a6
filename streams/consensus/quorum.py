"""Slices, quorums and v-blocking sets over sets of nodes held as bits of an integer.

Every node that occurs in a known quorum set has one bit, so that a set of nodes is an int, and
"how many of these" is one instruction. Which bit a node got depends on the order in which quorum
sets were learnt, so nothing here may order nodes by it. Knows no slot and no statement.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import QuorumSet
from streams.consensus.errors import InsaneQuorumSet
from streams.consensus.quorum_set import compute_quorum_set_hash, get_nodes, validate_quorum_set


class Slices(NamedTuple):
    """A quorum set over bits: the node's quorum slices are all sets that satisfy it."""

    threshold: int
    validators: int  # bits
    inner: tuple[Slices, ...]
    blocking_size: int  # entries - threshold + 1: with so many of them gone no slice is left


def is_slice(slices: Slices, nodes: int) -> bool:
    """Whether `nodes` contain a quorum slice."""
    left = slices.threshold - (slices.validators & nodes).bit_count()
    for inner in slices.inner:
        if left <= 0:
            break
        if is_slice(inner, nodes):
            left -= 1
    return left <= 0


def is_v_blocking(slices: Slices, nodes: int) -> bool:
    """Whether `nodes` intersect every slice. A threshold of 0 cannot be blocked."""
    if slices.threshold == 0:
        return False
    left = slices.blocking_size - (slices.validators & nodes).bit_count()
    for inner in slices.inner:
        if left <= 0:
            break
        if is_v_blocking(inner, nodes):
            left -= 1
    return left <= 0


def find_closest_v_blocking(slices: Slices, nodes: tuple[int, ...]) -> tuple[int, ...]:
    """The fewest of `nodes` (bits) whose failure would leave no slice within `nodes`.

    Empty when there is none even now. Among equally small sets the one of the nodes that stand
    first in `nodes` is taken.
    """
    alive = [bit for bit in nodes if slices.validators & bit]
    left = slices.blocking_size - (slices.validators.bit_count() - len(alive))
    inner_sets = []
    for inner in slices.inner:
        closest = find_closest_v_blocking(inner, nodes)
        if closest:
            inner_sets.append(closest)
        else:
            left -= 1
    if left <= 0:
        return ()
    # A validator costs one failure, no inner set costs less; sorting is stable.
    chosen = alive[:left]
    for closest in sorted(inner_sets, key=len)[: left - len(chosen)]:
        chosen.extend(closest)
    return tuple(chosen)


class Electorate:
    """The nodes and quorum sets that are known, for all slots."""

    def __init__(self) -> None:
        self.bits: dict[PublicKey, int] = {}
        self.slices: dict[Hash, Slices] = {}

    def add(self, quorum_set: QuorumSet) -> Hash:
        """Learns a quorum set, as it is. Raises `InsaneQuorumSet`."""
        fault = validate_quorum_set(quorum_set)
        if fault is not None:
            raise InsaneQuorumSet(f"the quorum set cannot be used: {fault}")
        quorum_set_hash = compute_quorum_set_hash(quorum_set)
        if quorum_set_hash not in self.slices:
            for node in get_nodes(quorum_set):
                self.add_node(node)
            self.slices[quorum_set_hash] = self._compile(quorum_set)
        return quorum_set_hash

    def add_node(self, node: PublicKey) -> int:
        return self.bits.setdefault(node, 1 << len(self.bits))

    def get_bits(self, nodes: tuple[PublicKey, ...]) -> int:
        """The known ones of `nodes` as bits of one integer."""
        return sum(self.bits.get(node, 0) for node in dict.fromkeys(nodes))

    def _compile(self, quorum_set: QuorumSet) -> Slices:
        inner = tuple(self._compile(entry) for entry in quorum_set.inner_sets)
        entries = len(quorum_set.validators) + len(inner)
        validators = self.get_bits(quorum_set.validators)
        blocking_size = entries - quorum_set.threshold + 1
        return Slices(quorum_set.threshold, validators, inner, blocking_size)


def is_satisfied(quorum_set: QuorumSet, nodes: Iterable[PublicKey]) -> bool:
    """Whether `nodes` contain a slice of the quorum set."""
    electorate = Electorate()
    quorum_set_hash = electorate.add(quorum_set)
    return is_slice(electorate.slices[quorum_set_hash], electorate.get_bits(tuple(nodes)))
