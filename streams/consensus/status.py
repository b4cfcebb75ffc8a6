"""Read access for people and dashboards: where a slot stands, who is missing, who is needed."""

from dataclasses import dataclass

from schemas.generated.common import U64, PublicKey
from schemas.generated.consensus import Nominate
from streams.consensus.ballot_state import Phase
from streams.consensus.claims import BallotPledges
from streams.consensus.quorum import Electorate, find_closest_v_blocking
from streams.consensus.quorum_set import get_nodes
from streams.consensus.slot import Slot


@dataclass(frozen=True, slots=True)
class SlotState:
    """A moment of one slot. Nodes and values are ascending."""

    slot: U64
    phase: Phase
    nomination_round: int  # 0 before `nominate`
    leaders: tuple[PublicKey, ...]
    nominated: Nominate | None  # own newest, whether it was sent or not
    candidates: tuple[bytes, ...]
    composite: bytes | None
    ballot: BallotPledges | None  # own newest, whether it was sent or not
    has_heard_from_quorum: bool
    externalized: bytes | None
    missing: tuple[PublicKey, ...]
    """Nodes of the own quorum set that said nothing in this slot."""
    waiting: tuple[PublicKey, ...]
    """Nodes that committed to a value whose set is not here."""
    closest_v_blocking: tuple[PublicKey, ...]
    """The fewest further nodes whose silence would leave no quorum slice; empty: there is none
    now."""


def get_slot_state(slot: Slot, electorate: Electorate) -> SlotState:
    nomination, ballot, local = slot.nomination, slot.ballot, slot.context.local
    nodes = sorted(get_nodes(local.quorum_set))
    nodes_by_bit = {electorate.bits[node]: node for node in nodes}
    heard = {*nomination.tally.claims, *ballot.tally.claims, local.bit}
    heard |= {received.bit for received in slot.postponed.values()}
    closest = find_closest_v_blocking(
        local.slices, tuple(bit for bit in nodes_by_bit if bit in heard)
    )
    return SlotState(
        slot=slot.context.slot,
        phase=ballot.state.phase,
        nomination_round=nomination.round,
        leaders=nomination.leaders,
        nominated=nomination.get_pledges() if nomination.votes else None,
        candidates=tuple(nomination.candidates),
        composite=nomination.composite,
        ballot=ballot.pledges,
        has_heard_from_quorum=ballot.heard_counter > 0,
        externalized=slot.externalized,
        missing=tuple(node for bit, node in nodes_by_bit.items() if bit not in heard),
        waiting=tuple(sorted(slot.postponed)),
        closest_v_blocking=tuple(sorted(nodes_by_bit[bit] for bit in closest)),
    )
