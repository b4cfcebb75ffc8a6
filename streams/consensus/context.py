"""What the two protocols of one slot share: the node, its slot, and the application."""

from dataclasses import dataclass
from typing import TypeAlias

from schemas.generated.common import U64, Hash, PublicKey
from schemas.generated.consensus import QuorumSet, Statement
from streams.consensus.application import Application, Validation
from streams.consensus.claims import Pledges
from streams.consensus.outputs import Output
from streams.consensus.quorum import Slices

Outputs: TypeAlias = list[Output]


@dataclass(frozen=True, slots=True)
class LocalNode:
    """The node itself, from one slot on. A watcher (`is_validator` false) follows and says
    nothing."""

    node: PublicKey
    bit: int
    is_validator: bool
    quorum_set: QuorumSet  # normalised
    quorum_set_hash: Hash
    slices: Slices
    weights: tuple[tuple[PublicKey, int], ...]  # of those that can lead nomination


@dataclass(frozen=True, slots=True)
class Context:
    """One slot of one node."""

    slot: U64
    local: LocalNode
    application: Application

    def judge(self, value: bytes) -> Validation:
        return self.application.validate_value(self.slot, value, is_nomination=False)

    def judge_nominated(self, value: bytes) -> Validation:
        return self.application.validate_value(self.slot, value, is_nomination=True)

    def make_statement(self, pledges: Pledges) -> Statement:
        return Statement(self.local.node, self.slot, pledges)

    def may_emit(self, values: tuple[bytes, ...]) -> bool:
        """A watcher never speaks, and a node that is behind not before it has caught up and found
        nothing invalid in what it followed."""
        spoken = (Validation.STRUCTURALLY_VALID, Validation.FULLY_VALID)
        return self.local.is_validator and all(self.judge(value) in spoken for value in values)


@dataclass(frozen=True, slots=True)
class Received:
    """A peer's statement, with its quorum set; EXTERNALIZE needs none."""

    bit: int
    statement: Statement
    slices: Slices | None
