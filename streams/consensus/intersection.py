"""Quorum intersection: whether nodes could agree on two things, and what stops or splits them.

Two quorums without a common node could externalize different values. Whether there are such is
NP-hard in general: the search is bounded, and then the answer is UNKNOWN. Method: Ł. Lachowski,
"Complexity of the quorum intersection property of the Federated Byzantine Agreement System" (2019):
minimal quorums within one strongly connected component are enumerated by branching, each is held
against the greatest quorum among the rest, and branches that cannot hold a quorum are cut.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import combinations

from schemas.generated.common import PublicKey
from schemas.generated.consensus import QuorumSet
from streams.consensus.quorum import Electorate, Slices, is_slice
from streams.consensus.quorum_set import compute_quorum_set_hash, get_nodes

STEPS_MAX = 200_000
Nodes = frozenset[PublicKey]
_Test = Callable[[int], bool]


class Verdict(Enum):
    """What is known of two quorums."""

    INTERSECT = "every two quorums share a node"
    SPLIT = "two quorums share no node"
    NO_QUORUM = "there is no quorum"
    UNKNOWN = "not known: the search was too long"


@dataclass(frozen=True, slots=True)
class Answer:
    """`split`: two quorums without a common node. `halting`: the fewest nodes whose loss leaves no
    quorum. `splitting`: the fewest that, lying, could make two quorums of the others disagree.
    None: there is no such set, or it was not found in time (`is_complete`)."""

    verdict: Verdict
    split: tuple[Nodes, Nodes] | None
    halting: Nodes | None
    splitting: Nodes | None
    is_complete: bool


class _TooLong(Exception):
    """The search has taken its steps."""


class _Search:
    """Nodes as bits. `steps`: how many are left."""

    def __init__(self, network: Mapping[PublicKey, QuorumSet], steps: int) -> None:
        electorate = Electorate()
        for node in sorted(network):
            electorate.add_node(node)
        self.slices: dict[int, Slices] = {}
        for node in sorted(network):
            electorate.add(network[node])
            hash_ = compute_quorum_set_hash(network[node])
            self.slices[electorate.bits[node]] = electorate.slices[hash_]
        self.names = {bit: node for node, bit in electorate.bits.items()}
        self.everybody = sum(self.slices)
        self.trusts = {
            electorate.bits[node]: electorate.get_bits(get_nodes(network[node])) & self.everybody
            for node in network
        }
        self.steps = steps

    def get_names(self, nodes: int) -> Nodes:
        return frozenset(self.names[bit] for bit in _split(nodes))

    def contract(self, nodes: int, deleted: int = 0) -> int:
        """The greatest quorum among `nodes`; 0 if there is none. `deleted` ones agree with all."""
        self.steps -= 1
        if self.steps < 0:
            raise _TooLong
        while True:
            left = 0
            for bit in _split(nodes):
                if is_slice(self.slices[bit], nodes | deleted):
                    left |= bit
            if left == nodes:
                return nodes
            nodes = left

    def find_split(self, deleted: int = 0) -> tuple[int, int] | None:
        """Two disjoint quorums of those that are not deleted."""
        alive = self.contract(self.everybody & ~deleted, deleted)
        if not alive:
            return None
        quorums = [
            q for part in self._find_components(alive) if (q := self.contract(part, deleted))
        ]
        if len(quorums) > 1:
            return quorums[0], quorums[1]
        return self._branch(0, quorums[0], alive, deleted) if quorums else None

    def _branch(self, chosen: int, left: int, alive: int, deleted: int) -> tuple[int, int] | None:
        """Of the quorums that contain `chosen` and nodes of `left`, minimal ones first."""
        quorum = self.contract(chosen, deleted)
        if quorum == chosen and chosen:
            other = self.contract(alive & ~chosen, deleted)
            return (chosen, other) if other else None
        greatest = self.contract(chosen | left, deleted)
        if chosen & ~greatest or not greatest:
            return None  # no quorum contains all that was chosen
        if not self.contract(alive & ~chosen, deleted):
            return None  # whatever is added, the rest holds no quorum
        free = greatest & ~chosen
        if not free:
            return None
        bit = self._choose(free)
        found = self._branch(chosen, left & ~bit, alive, deleted)
        return found or self._branch(chosen | bit, left & ~bit, alive, deleted)

    def _choose(self, free: int) -> int:
        """The one that most others trust: it cuts most."""
        bits = _split(free)
        return max(bits, key=lambda bit: (sum(bool(t & bit) for t in self.trusts.values()), -bit))

    def _find_components(self, nodes: int) -> list[int]:
        """Strongly connected components of who trusts whom, by reachability."""
        reach = {bit: self._reach(bit, nodes) for bit in _split(nodes)}
        components: list[int] = []
        seen = 0
        for bit in _split(nodes):
            if not seen & bit:
                part = sum(o for o in _split(reach[bit]) if reach[o] & bit)
                components.append(part)
                seen |= part
        return components

    def _reach(self, start: int, nodes: int) -> int:
        reached, waiting = start, [start]
        while waiting:
            new = self.trusts[waiting.pop()] & nodes & ~reached
            reached |= new
            waiting.extend(_split(new))
        return reached

    def find_fewest(self, test: _Test, nodes: int) -> int | None:
        """The smallest subset of `nodes` that passes, by size and then by name."""
        bits = sorted(_split(nodes), key=lambda bit: self.names[bit])
        for size in range(1, len(bits) + 1):
            for chosen in combinations(bits, size):
                if test(sum(chosen)):
                    return sum(chosen)
        return None


def check_intersection(network: Mapping[PublicKey, QuorumSet], steps: int = STEPS_MAX) -> Answer:
    """`network`: each node's own quorum set, sane ones. Nodes that others name and whose set is not
    known count as lost. `steps` bounds each of the three searches."""
    search = _Search(network, steps)
    try:
        alive = search.contract(search.everybody)
        if not alive:
            return Answer(Verdict.NO_QUORUM, None, None, None, is_complete=True)
        split = search.find_split()
    except _TooLong:
        return Answer(Verdict.UNKNOWN, None, None, None, is_complete=False)
    if split is not None:
        names = (search.get_names(split[0]), search.get_names(split[1]))
        return Answer(Verdict.SPLIT, names, None, frozenset(), is_complete=True)
    halting, is_first = _try(search, steps, lambda n: not search.contract(alive & ~n), alive)
    splitting, is_second = _try(search, steps, lambda n: search.find_split(n) is not None, alive)
    return Answer(Verdict.INTERSECT, None, halting, splitting, is_first and is_second)


def make_uniform(quorum_set: QuorumSet) -> dict[PublicKey, QuorumSet]:
    """The network whose nodes all have the same set: what ledgers agree on."""
    return dict.fromkeys(get_nodes(quorum_set), quorum_set)


def _try(search: _Search, steps: int, test: _Test, nodes: int) -> tuple[Nodes | None, bool]:
    """The fewest nodes that pass, and whether the search came to its end."""
    search.steps = steps
    try:
        found = search.find_fewest(test, nodes)
    except _TooLong:
        return None, False
    return (None if found is None else search.get_names(found)), True


def _split(nodes: int) -> list[int]:
    """Its bits, the lowest first."""
    bits = []
    while nodes:
        bits.append(nodes & -nodes)
        nodes &= nodes - 1
    return bits
