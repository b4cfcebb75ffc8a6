"""The Stellar Consensus Protocol for one node: the entry object of this package.

Every method that changes the machine returns, in order, what its shell has to do (`outputs`). The
machine has no clock, no socket and no storage; values are opaque (`application`). It is a pure
function of the calls made: the same calls give the same outputs on every machine.

Sources: D. Mazières, "The Stellar Consensus Protocol" (white paper, 2016);
draft-mazieres-dinrg-scp-05; CAP-0083 for values whose set is not here.
"""

from bisect import bisect_right
from collections.abc import Iterable

from schemas.generated.common import U64, Hash, PublicKey
from schemas.generated.consensus import QuorumSet, Statement
from streams.consensus.application import Application
from streams.consensus.claims import get_quorum_set_hash
from streams.consensus.context import Context, LocalNode, Received
from streams.consensus.errors import InsaneQuorumSet
from streams.consensus.outputs import Output, Refusal, Refused, TimerKind
from streams.consensus.quorum import Electorate
from streams.consensus.quorum_set import (
    compute_weights,
    normalise_quorum_set,
    validate_quorum_set,
)
from streams.consensus.slot import Slot
from streams.consensus.status import SlotState, get_slot_state


class Scp:
    """All slots of one node. Statements are given and returned unsigned: the shell verifies and
    signs."""

    def __init__(
        self,
        node: PublicKey,
        quorum_set: QuorumSet,
        application: Application,
        is_validator: bool = True,
        slots_max: int = 128,
    ) -> None:
        """`slots_max` bounds memory: slots from the lowest kept (`purge`) up to that many are
        taken.

        Raises `InsaneQuorumSet`, also for a set whose threshold is below half.
        """
        self.node = node
        self.application = application
        self.slots_max = slots_max
        self.slot_lowest = 0
        self.electorate = Electorate()
        self.slots: dict[U64, Slot] = {}
        self.locals: list[tuple[U64, LocalNode]] = [(0, self._make_local(quorum_set, is_validator))]

    def _make_local(self, quorum_set: QuorumSet, is_validator: bool) -> LocalNode:
        fault = validate_quorum_set(quorum_set, is_own=True)
        if fault is not None:
            raise InsaneQuorumSet(f"this node's quorum set cannot be used: {fault}")
        normalised = normalise_quorum_set(quorum_set)
        quorum_set_hash = self.electorate.add(normalised)
        return LocalNode(
            node=self.node,
            bit=self.electorate.add_node(self.node),
            is_validator=is_validator,
            quorum_set=normalised,
            quorum_set_hash=quorum_set_hash,
            slices=self.electorate.slices[quorum_set_hash],
            weights=compute_weights(normalised),
        )

    def add_quorum_set(self, quorum_set: QuorumSet) -> Hash:
        """Learns a peer's quorum set and returns the hash its statements name it by.

        Sets are kept for good: the caller asks for those of its peers only. Raises
        `InsaneQuorumSet`.
        """
        return self.electorate.add(quorum_set)

    def has_quorum_set(self, quorum_set_hash: Hash) -> bool:
        return quorum_set_hash in self.electorate.slices

    def nominate(self, slot: U64, value: bytes, previous_value: bytes) -> tuple[Output, ...]:
        """Starts nominating `value`, which the application finds fully valid, in `slot`.

        `previous_value`, the decision before, only decides who leads. In a slot that was started
        already, another value replaces the proposal: leaders vote for it too, until a candidate is
        found (so a proposal can be made smaller after time-outs).
        """
        if slot < self.slot_lowest:
            return ()
        return self._get_slot(slot).nominate(value, previous_value)

    def receive(self, statement: Statement) -> tuple[Output, ...]:
        """A peer's statement, decoded and with a verified signature. Recorded unless `Refused` or
        `Postponed`."""
        slot, node = statement.slot, statement.node_id
        reason = self._find_refusal(statement)
        if reason is not None:
            return (Refused(slot, node, reason),)
        quorum_set_hash = get_quorum_set_hash(statement.pledges)
        slices = None if quorum_set_hash is None else self.electorate.slices[quorum_set_hash]
        received = Received(self.electorate.bits[node], statement, slices)
        return self._get_slot(slot).receive(received)

    def _find_refusal(self, statement: Statement) -> Refusal | None:
        if statement.node_id == self.node:
            return Refusal.OWN
        if statement.slot < self.slot_lowest:
            return Refusal.SLOT_PURGED
        if statement.slot >= self.slot_lowest + self.slots_max:
            return Refusal.SLOT_FAR_AHEAD
        if statement.node_id not in self.electorate.bits:
            return Refusal.NODE_UNKNOWN
        quorum_set_hash = get_quorum_set_hash(statement.pledges)
        if quorum_set_hash is not None and not self.has_quorum_set(quorum_set_hash):
            return Refusal.QUORUM_SET_UNKNOWN
        return None

    def fire_timer(self, slot: U64, kind: TimerKind, number: int) -> tuple[Output, ...]:
        """A timer asked for by `StartTimer` has run out. A stale one changes nothing."""
        known = self.slots.get(slot)
        return () if known is None else known.fire_timer(kind, number)

    def revalidate(self, slot: U64) -> tuple[Output, ...]:
        """The application's answers about values of `slot` may have changed: a set arrived or was
        given up, or the slot became the current one."""
        known = self.slots.get(slot)
        return () if known is None else known.revalidate()

    def restore(self, statements: Iterable[Statement]) -> tuple[Output, ...]:
        """The node's own newest statements of nomination and of ballots, as made durable, before
        anything else in their slots. None is emitted again; what was decided is told again."""
        restored = []
        for statement in statements:
            if statement.node_id == self.node and statement.slot >= self.slot_lowest:
                slot = self._get_slot(statement.slot)
                slot.restore(statement.pledges)
                restored.append(slot)
        return tuple(output for slot in dict.fromkeys(restored) for output in slot.resume())

    def purge(self, below_slot: U64) -> tuple[Output, ...]:
        """Forgets all slots below, for good. A node that starts at a later slot calls this first,
        to have its slots taken."""
        outputs: list[Output] = []
        for slot in sorted(number for number in self.slots if number < below_slot):
            outputs.extend(self.slots.pop(slot).close())
        self.slot_lowest = max(self.slot_lowest, below_slot)
        while len(self.locals) > 1 and self.locals[1][0] <= self.slot_lowest:
            del self.locals[0]
        return tuple(outputs)

    def reconfigure(
        self, quorum_set: QuorumSet, is_validator: bool, from_slot: U64
    ) -> tuple[Output, ...]:
        """The node's quorum set and part from `from_slot` on.

        Undecided slots from there on start again from what was said in them. Raises
        `InsaneQuorumSet`, then nothing has changed.
        """
        local = self._make_local(quorum_set, is_validator)
        self.locals = [entry for entry in self.locals if entry[0] < from_slot]
        self.locals.append((from_slot, local))
        outputs: list[Output] = []
        for number in sorted(number for number in self.slots if number >= from_slot):
            if self.slots[number].externalized is None:
                outputs.extend(self._start_again(number))
        return tuple(outputs)

    def _start_again(self, number: U64) -> tuple[Output, ...]:
        former = self.slots.pop(number)
        slot = self._get_slot(number)
        outputs = list(former.close())
        for pledges in former.get_own_emitted():
            slot.restore(pledges)
        outputs.extend(slot.resume())
        if former.nomination.is_started:
            outputs.extend(slot.nominate(former.nomination.value, former.nomination.previous_value))
        for statement in former.get_received():
            outputs.extend(self.receive(statement))
        return tuple(outputs)

    def _get_slot(self, number: U64) -> Slot:
        if number not in self.slots:
            index = bisect_right(self.locals, number, key=lambda entry: entry[0]) - 1
            local = self.locals[max(index, 0)][1]
            self.slots[number] = Slot(Context(number, local, self.application))
        return self.slots[number]

    def get_state(self, slot: U64) -> SlotState | None:
        """What is going on in a slot, for people; None if nothing was heard of it."""
        known = self.slots.get(slot)
        return None if known is None else get_slot_state(known, self.electorate)
