"""Federated voting (white paper and draft): who claims what, and what follows from it.

Holds the newest claim of each node in one slot, and judges by the sender's own slices which sets of
nodes are quorums. Knows neither ballots nor nomination.
"""

from typing import Generic, TypeVar

from schemas.generated.common import Hash
from schemas.generated.consensus import Statement
from streams.consensus.quorum import Slices, is_slice, is_v_blocking

Claim = TypeVar("Claim")


class Tally(Generic[Claim]):
    """The newest claims in one slot, seen from one node.

    A set of nodes is an int of bits (`quorum.Electorate`). The local node's own claims are recorded
    like any other, whether it sent them or not, and whether its own set contains it or not.
    """

    def __init__(self, local: Slices) -> None:
        self.local = local
        self.claims: dict[int, Claim] = {}  # by bit
        self.statements: dict[int, Statement] = {}  # of others, by bit: evidence and status
        self._hashes: dict[int, Hash | None] = {}
        # Nodes with the same quorum set stand or fall together: usually there is one such group.
        self._groups: dict[Hash, tuple[Slices, int]] = {}
        self._unconditional = 0

    def record(
        self, bit: int, claim: Claim, quorum_set_hash: Hash | None, slices: Slices | None
    ) -> None:
        """Replaces the node's claim. Without a quorum set the node agrees with itself alone."""
        self.claims[bit] = claim
        if bit in self._hashes and self._hashes[bit] == quorum_set_hash:
            return
        self._leave_group(bit)
        self._hashes[bit] = quorum_set_hash
        if quorum_set_hash is None or slices is None:
            self._unconditional |= bit
        else:
            _, members = self._groups.get(quorum_set_hash, (slices, 0))
            self._groups[quorum_set_hash] = (slices, members | bit)

    def _leave_group(self, bit: int) -> None:
        former = self._hashes.get(bit)
        if former is not None:
            slices, members = self._groups[former]
            self._groups[former] = (slices, members & ~bit)

    def accepts(self, voted: int, accepted: int) -> bool:
        """Whether the local node may accept: a v-blocking set accepts, or a quorum votes or
        accepts."""
        return is_v_blocking(self.local, accepted) or self.has_quorum(voted | accepted)

    def has_quorum(self, nodes: int) -> bool:
        """Whether `nodes` contain a quorum that contains a slice of the local node.

        Nodes without a slice within the set are dropped until all have one.
        """
        if not is_slice(self.local, nodes):
            return False
        while True:
            kept = nodes & self._unconditional
            for slices, members in self._groups.values():
                present = nodes & members
                if present and is_slice(slices, nodes):
                    kept |= present
            if kept == nodes:
                return is_slice(self.local, nodes)
            nodes = kept
