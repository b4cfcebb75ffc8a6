"""The ballot protocol of one slot (white paper and draft-05, balloting).

Takes statements, time-outs and the composite value of nomination, applies the rules until none
moves, and says what changed. Knows nothing of nomination or of other slots. Nothing here calls
itself: one outer step is one loop, and only the statement it ends with is sent.
"""

from streams.consensus.application import Validation, compute_timeout_ms
from streams.consensus.ballot_rules import RULES
from streams.consensus.ballot_state import BallotState, Phase
from streams.consensus.claims import (
    INFINITE_COUNTER,
    Ballot,
    BallotPledges,
    Claims,
    get_claims,
    get_quorum_set_hash,
    get_values,
)
from streams.consensus.context import Context, Outputs, Received
from streams.consensus.errors import InvariantViolation
from streams.consensus.outputs import (
    Emit,
    HeardFromQuorum,
    StartTimer,
    StopTimer,
    TimerKind,
    ValueReplaced,
)
from streams.consensus.quorum import is_v_blocking
from streams.consensus.voting import Tally

# Every move raises something that is bounded by the claims, so no step comes near this.
MOVES_MAX = 10_000


class BallotProtocol:
    """One slot's ballots. Its methods append to the outputs given."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.state = BallotState()
        self.tally: Tally[Claims] = Tally(context.local.slices)
        self.composite: bytes | None = None
        self.pledges: BallotPledges | None = None  # of the state, whether sent or not
        self.emitted: BallotPledges | None = None
        self.heard_counter = 0  # the counter for which a quorum was heard from, or 0
        self.timer_counter = 0  # the counter whose timer runs, or 0

    def restore(self, pledges: BallotPledges) -> None:
        """Resumes from the node's own durable statement, without sending it again."""
        if self.pledges is not None:
            raise InvariantViolation("restore comes before anything else in a slot")
        self.state.restore(pledges)
        self.emitted = pledges
        self._record_own()

    def set_composite(self, value: bytes, out: Outputs) -> None:
        """Nomination has a (new) composite value: the first one starts the first ballot, a later
        one is for the next counter unless z is set by then."""
        self.composite = value
        if self.state.current is None:
            self._bump(1, out)
            self.advance(out)

    def record(self, received: Received, pledges: BallotPledges, out: Outputs) -> None:
        """Records a peer's statement: sane, newer than its last one, without an invalid value."""
        quorum_set_hash = get_quorum_set_hash(pledges)
        self.tally.statements[received.bit] = received.statement
        self.tally.record(received.bit, get_claims(pledges), quorum_set_hash, received.slices)
        self.advance(out)

    def fire_timer(self, counter: int, out: Outputs) -> None:
        """The time-out of a counter: gives its ballot up. Of another counter than the current:
        stale."""
        current = self.state.current
        if current is None or current.counter != counter or counter == INFINITE_COUNTER:
            return
        self.timer_counter = 0
        if self._bump(counter + 1, out):
            self.advance(out)

    def advance(self, out: Outputs) -> None:
        """Applies the rules in order and starts over after each move, until no rule moves."""
        for _ in range(MOVES_MAX):
            if self.state.phase is Phase.EXTERNALIZE:
                return
            if any(rule(self.state, self.tally, self.context.judge) for rule in RULES):
                self._record_own()
            elif not self._follow_v_blocking(out):
                return
        raise InvariantViolation(f"slot {self.context.slot}: the ballot rules do not come to rest")

    def _record_own(self) -> None:
        local = self.context.local
        self.pledges = self.state.get_pledges(local.quorum_set_hash)
        claims = self.state.get_claims(self.pledges)
        self.tally.record(local.bit, claims, local.quorum_set_hash, local.slices)

    def _follow_v_blocking(self, out: Outputs) -> bool:
        """Rule 9: while a v-blocking set is ahead, b takes the lowest counter at which none is."""
        own = self.state.current.counter if self.state.current is not None else 0
        if not self._is_v_blocking_ahead_of(own):
            return False
        counters = sorted({claim.counter for claim in self.tally.claims.values()})
        for counter in counters:
            if counter > own and not self._is_v_blocking_ahead_of(counter):
                return self._bump(counter, out)
        return False

    def _is_v_blocking_ahead_of(self, counter: int) -> bool:
        ahead = sum(bit for bit, claim in self.tally.claims.items() if claim.counter > counter)
        return is_v_blocking(self.context.local.slices, ahead)

    def _bump(self, counter: int, out: Outputs) -> bool:
        """Moves b to `counter`, with the value z, else the composite value, else the value of b."""
        state = self.state
        value = state.override if state.override is not None else self.composite
        if value is None and state.current is not None:
            value = state.current.value
        if value is None or state.phase is Phase.EXTERNALIZE:
            return False
        replacement = self._find_replacement(value)
        if replacement is not None:
            out.append(ValueReplaced(self.context.slot, value, replacement))
        state.set_current(Ballot(counter, value if replacement is None else replacement))
        self._record_own()
        return True

    def _find_replacement(self, value: bytes) -> bytes | None:
        """The explicit empty value (CAP-0083) when the set of `value` was given up. A node that
        voted to commit had the set, so only a vote to prepare is ever left behind."""
        slot, application = self.context.slot, self.context.application
        if self.state.phase is not Phase.PREPARE or self.state.commit is not None:
            return None
        if self.context.judge(value) is not Validation.STRUCTURALLY_VALID:
            return None
        if not application.is_given_up(slot, value):
            return None
        return application.derive_empty_value(slot, value)

    def emit_newest(self, out: Outputs) -> None:
        """Ends an outer step: its last statement is sent if it is newer and the node may speak."""
        if self.pledges is None or self.pledges is self.emitted:
            return
        # Under another quorum set the same claims are nothing new: peers would call them stale.
        order = get_claims(self.pledges).order
        if self.emitted is not None and order <= get_claims(self.emitted).order:
            return
        if self.context.may_emit(get_values(self.pledges)):
            self.emitted = self.pledges
            out.append(Emit(self.context.make_statement(self.pledges)))

    def update_timer(self, out: Outputs) -> None:
        """Ends an outer step: the timer runs while a quorum is at b's counter or above (draft).

        CONFIRM and EXTERNALIZE count as above any. At the infinite counter there is no next one.
        """
        slot, current = self.context.slot, self.state.current
        wanted = 0
        if current is not None and self.state.phase is not Phase.EXTERNALIZE:
            wanted = current.counter if self._has_heard(current.counter) else 0
        if wanted and wanted != self.heard_counter:
            out.append(HeardFromQuorum(slot, wanted))
        self.heard_counter = wanted
        wanted = 0 if wanted == INFINITE_COUNTER else wanted
        if wanted and wanted != self.timer_counter:
            settings = self.context.application.get_timeouts(slot)
            timeout_ms = compute_timeout_ms(
                settings.ballot_initial_ms, settings.ballot_increment_ms, wanted
            )
            out.append(StartTimer(slot, TimerKind.BALLOT, wanted, timeout_ms))
        elif self.timer_counter and not wanted:
            out.append(StopTimer(slot, TimerKind.BALLOT))
        self.timer_counter = wanted

    def _has_heard(self, counter: int) -> bool:
        """Whether a quorum is at this counter. Counters only rise, so the answer stays true."""
        if counter == self.heard_counter:
            return True
        claims = self.tally.claims.items()
        return self.tally.has_quorum(
            sum(bit for bit, claim in claims if claim.voted_prepared.counter >= counter)
        )
