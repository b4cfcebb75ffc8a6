"""One slot: nomination and ballots together, and what becomes of a statement before either sees it.

Knows no other slot. Each public method is one outer step and returns its outputs in order.
"""

from typing import assert_never

from schemas.generated.common import PublicKey
from schemas.generated.consensus import Nominate, Statement
from streams.consensus.application import Validation
from streams.consensus.ballot import BallotProtocol
from streams.consensus.ballot_state import Phase
from streams.consensus.claims import (
    BallotPledges,
    Pledges,
    can_follow,
    get_claims,
    get_values,
    is_sane,
)
from streams.consensus.context import Context, Outputs, Received
from streams.consensus.nomination import Nomination
from streams.consensus.outputs import (
    Equivocation,
    Externalized,
    Output,
    Postponed,
    Refusal,
    Refused,
    StopTimer,
    TimerKind,
)


class Slot:
    """The whole of SCP for one slot."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.nomination = Nomination(context)
        self.ballot = BallotProtocol(context)
        self.externalized: bytes | None = None
        self.postponed: dict[PublicKey, Received] = {}
        self._accused: set[PublicKey] = set()

    def nominate(self, value: bytes, previous_value: bytes) -> tuple[Output, ...]:
        out: Outputs = []
        self.nomination.nominate(value, previous_value, out)
        return self._finish(out)

    def receive(self, received: Received) -> tuple[Output, ...]:
        out: Outputs = []
        self._take(received, out)
        return self._finish(out)

    def fire_timer(self, kind: TimerKind, number: int) -> tuple[Output, ...]:
        out: Outputs = []
        match kind:
            case TimerKind.NOMINATION:
                self.nomination.fire_timer(number, out)
            case TimerKind.BALLOT:
                self.ballot.fire_timer(number, out)
            case _:
                assert_never(kind)
        return self._finish(out)

    def revalidate(self) -> tuple[Output, ...]:
        out: Outputs = []
        postponed, self.postponed = self.postponed, {}
        for received in postponed.values():
            self._take(received, out)
        self.nomination.revalidate()
        self.ballot.advance(out)
        return self._finish(out)

    def restore(self, pledges: Pledges) -> None:
        """One of the node's own, durable statements; `resume` follows when all are in."""
        if isinstance(pledges, Nominate):
            self.nomination.restore(pledges)
        else:
            self.ballot.restore(pledges)

    def resume(self) -> tuple[Output, ...]:
        """Ends a restoration. A node that is a quorum by itself may go on at once."""
        out: Outputs = []
        self.ballot.advance(out)
        return self._finish(out)

    def close(self) -> tuple[Output, ...]:
        """Ends the slot: nothing of it is wanted any more."""
        running = (
            (TimerKind.NOMINATION, self.nomination.timer_round),
            (TimerKind.BALLOT, self.ballot.timer_counter),
        )
        return tuple(StopTimer(self.context.slot, kind) for kind, number in running if number)

    def get_own_emitted(self) -> tuple[Pledges, ...]:
        emitted = (self.nomination.emitted, self.ballot.emitted)
        return tuple(pledges for pledges in emitted if pledges is not None)

    def get_received(self) -> tuple[Statement, ...]:
        """The newest statements of the peers: of nomination, of ballots, and those postponed."""
        return (
            *self.nomination.tally.statements.values(),
            *self.ballot.tally.statements.values(),
            *(received.statement for received in self.postponed.values()),
        )

    def _take(self, received: Received, out: Outputs) -> None:
        """The guards, then the protocol that the statement is for."""
        statement = received.statement
        pledges = statement.pledges
        if not is_sane(pledges):
            self._refuse(statement, Refusal.MALFORMED, out)
        elif isinstance(pledges, Nominate):
            self._take_nomination(received, pledges, out)
        else:
            self._take_ballot(received, pledges, out)

    def _take_nomination(self, received: Received, pledges: Nominate, out: Outputs) -> None:
        known = self.nomination.latest.get(received.statement.node_id)
        if known is not None:
            first = self.nomination.tally.statements[received.bit]
            self._find_equivocation(first, received.statement, out)
            is_same = (known.votes, known.accepted) == (pledges.votes, pledges.accepted)
            if is_same or not can_follow(known, pledges):
                self._refuse(received.statement, Refusal.STALE, out)
                return
        self.nomination.record(received, pledges)

    def _take_ballot(self, received: Received, pledges: BallotPledges, out: Outputs) -> None:
        statement, node = received.statement, received.statement.node_id
        claims = get_claims(pledges)
        waiting = self.postponed.get(node)
        known = self.ballot.tally.statements.get(received.bit)
        for first in (known, None if waiting is None else waiting.statement):
            if first is not None and isinstance(first.pledges, BallotPledges):
                self._find_equivocation(first, statement, out)
                if claims.order <= get_claims(first.pledges).order:
                    self._refuse(statement, Refusal.STALE, out)
                    return
        if self.externalized is not None:
            if claims.value == self.externalized:
                self.ballot.record(received, pledges, out)
            else:
                self._refuse(statement, Refusal.VALUE_OTHER, out)
            return
        level = min(self.context.judge(value) for value in get_values(pledges))
        if level is Validation.INVALID:
            self._refuse(statement, Refusal.VALUE_INVALID, out)
        elif level is Validation.STRUCTURALLY_VALID and claims.order[0] >= Phase.CONFIRM:
            # It may only count when we can tell that what it commits to is valid.
            self.postponed[node] = received
            out.append(Postponed(self.context.slot, node, claims.value))
        else:
            self.ballot.record(received, pledges, out)

    def _find_equivocation(self, first: Statement, second: Statement, out: Outputs) -> None:
        node = second.node_id
        if node in self._accused or can_follow(first.pledges, second.pledges):
            return
        if not can_follow(second.pledges, first.pledges):
            self._accused.add(node)
            out.append(Equivocation(self.context.slot, node, first, second))

    def _refuse(self, statement: Statement, reason: Refusal, out: Outputs) -> None:
        out.append(Refused(self.context.slot, statement.node_id, reason))

    def _finish(self, out: Outputs) -> tuple[Output, ...]:
        """Ends an outer step: newest statements, timers, decision."""
        composite = self.nomination.composite
        if composite is not None and composite != self.ballot.composite:
            self.ballot.set_composite(composite, out)
        is_decided = self.ballot.state.phase is Phase.EXTERNALIZE
        self.nomination.emit_newest(out)
        self.ballot.emit_newest(out)
        if is_decided:
            self.nomination.stop()
        self.nomination.update_timer(out)
        self.ballot.update_timer(out)
        if is_decided and self.externalized is None and self.ballot.state.commit is not None:
            self.externalized = self.ballot.state.commit.value
            out.append(Externalized(self.context.slot, self.externalized))
        return tuple(out)
