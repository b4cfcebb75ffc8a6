"""The nomination protocol of one slot (white paper and draft): from proposals to one value.

Takes statements and time-outs and ends with candidates, which the application combines. Knows
nothing of ballots. X are the votes, Y the accepted values, Z the candidates.
"""

from bisect import insort
from collections.abc import Iterable
from typing import NamedTuple

from schemas.generated.common import PublicKey
from schemas.generated.consensus import Nominate
from streams.consensus.application import Validation, compute_timeout_ms
from streams.consensus.context import Context, Outputs, Received
from streams.consensus.errors import InvariantViolation
from streams.consensus.leaders import VALUE, compute_hash, compute_leaders, compute_seed
from streams.consensus.outputs import (
    Emit,
    NominationRoundStarted,
    StartTimer,
    StopTimer,
    TimerKind,
)
from streams.consensus.voting import Tally

# Rounds that bring no new leader are skipped at once, but not for ever: a peer of tiny weight may
# never become a neighbour.
ROUNDS_SKIPPED_MAX = 1000
# A statement holds its votes twice once they are accepted and must fit an envelope of 256 KiB, also
# when a leader floods us with values; the other half is kept for what others bring to acceptance.
ECHOED_BYTES_MAX = 60_000
VOTED_BYTES_MAX = 120_000


class Nominated(NamedTuple):
    """What one node nominates; an accepted value counts as voted for."""

    voted: frozenset[bytes]
    accepted: frozenset[bytes]


class Nomination:
    """One slot's nomination. Its methods append to the outputs given."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.tally: Tally[Nominated] = Tally(context.local.slices)
        self.latest: dict[PublicKey, Nominate] = {}
        self.is_started = False
        self.is_stopped = False
        self.value = b""  # our own proposal
        self.previous_value = b""
        self.round = 0
        self.leaders: tuple[PublicKey, ...] = ()
        self.votes: list[bytes] = []  # X, ascending; so Y and Z
        self.accepted: list[bytes] = []
        self.candidates: list[bytes] = []
        self.composite: bytes | None = None
        self.emitted: Nominate | None = None
        self.timer_round = 0  # the round whose timer runs, or 0

    def restore(self, pledges: Nominate) -> None:
        """Resumes from the node's own durable statement, without sending it again."""
        if self.votes or self.accepted or self.is_started:
            raise InvariantViolation("restore comes before anything else in a slot")
        self.votes = sorted({*pledges.votes, *pledges.accepted})
        self.accepted = list(pledges.accepted)
        self.emitted = pledges
        self._record_own()

    def nominate(self, value: bytes, previous_value: bytes, out: Outputs) -> None:
        """Starts the first round, or offers another value in the present one.

        Until now the slot's statements were only recorded: a node votes in no slot it has not
        started.
        """
        is_other = value != self.value
        self.value = value
        if not self.is_started and not self.is_stopped:
            self.is_started = True
            self.previous_value = previous_value
            self._start_round(out)
            self._advance(self._get_claimed_values())
        elif is_other and self._is_open() and self.context.local.node in self.leaders:
            self._vote(value, VOTED_BYTES_MAX)

    def record(self, received: Received, pledges: Nominate) -> None:
        """Records a peer's statement: sane and newer than its last one."""
        local, node = self.context.local, received.statement.node_id
        known = self.latest.get(node)
        self.latest[node] = pledges
        self.tally.statements[received.bit] = received.statement
        nominated = Nominated(
            frozenset(pledges.votes) | frozenset(pledges.accepted), frozenset(pledges.accepted)
        )
        self.tally.record(received.bit, nominated, pledges.quorum_set_hash, received.slices)
        if not self.is_started or self.is_stopped:
            return
        news = [value for value in pledges.votes if known is None or value not in known.votes]
        news += [v for v in pledges.accepted if known is None or v not in known.accepted]
        self._advance(news)
        if not self.candidates and node in self.leaders and node != local.node:
            self._echo(node)

    def fire_timer(self, number: int, out: Outputs) -> None:
        """The time-out of the current round starts the next one; any other is ignored."""
        if self._is_open() and number == self.round:
            self.timer_round = 0
            self._start_round(out)

    def revalidate(self) -> None:
        """Looks again at values, which may have become valid."""
        if self.is_started and not self.is_stopped:
            self._advance(self._get_claimed_values())

    def stop(self) -> None:
        """Stops nominating, because the slot is decided."""
        self.is_stopped = True

    def _is_open(self) -> bool:
        """Whether the node may vote for new values, which ends with the first candidate."""
        return self.is_started and not self.is_stopped and not self.candidates

    def _start_round(self, out: Outputs) -> None:
        self._elect()
        out.append(NominationRoundStarted(self.context.slot, self.round, self.leaders))
        for leader in self.leaders:
            if leader != self.context.local.node:
                self._echo(leader)
        if self.context.local.node in self.leaders and not self.votes:
            self._vote(self.value, VOTED_BYTES_MAX)

    def _elect(self) -> None:
        """Moves to the next round that adds a leader; just to the next one when all lead
        already."""
        local = self.context.local
        seed = compute_seed(self.context.slot, self.previous_value)
        self.round += 1
        if len(self.leaders) == len(local.weights):
            return
        for skipped in range(ROUNDS_SKIPPED_MAX):
            elected = compute_leaders(seed, self.round + skipped, local.weights)
            leaders = tuple(sorted({*self.leaders, *elected}))
            if len(leaders) > len(self.leaders):
                self.leaders = leaders
                self.round += skipped
                return

    def _echo(self, leader: PublicKey) -> None:
        """Votes for one more value of a leader: the one with the highest hash; of those it
        accepted, if it accepted any that is valid."""
        pledges = self.latest.get(leader)
        if pledges is None:
            return
        for values in (pledges.accepted, pledges.votes):
            valid = [v for v in map(self._get_valid, values) if v is not None]
            if valid:
                self._vote_for_highest(value for value in valid if value not in self.votes)
                return

    def _vote_for_highest(self, values: Iterable[bytes]) -> None:
        seed = compute_seed(self.context.slot, self.previous_value)
        ranked = [(compute_hash(seed, VALUE, self.round, value), value) for value in values]
        if ranked:
            self._vote(max(ranked)[1], ECHOED_BYTES_MAX)

    def _get_valid(self, value: bytes) -> bytes | None:
        """The value if it is valid, else a valid variation of it, else None."""
        if self.context.judge_nominated(value) is not Validation.INVALID:
            return value
        return self.context.application.extract_valid_value(self.context.slot, value)

    def _vote(self, value: bytes, bytes_max: int) -> None:
        if self._add_vote(value, bytes_max):
            self._record_own()
            self._advance([value])

    def _add_vote(self, value: bytes, bytes_max: int) -> bool:
        if value in self.votes or sum(map(len, self.votes)) + len(value) > bytes_max:
            return False
        insort(self.votes, value)
        return True

    def _advance(self, values: Iterable[bytes]) -> None:
        """Accepts and confirms values. Looks only at those that are newly claimed."""
        pending = list(dict.fromkeys(values))
        has_new_candidate = False
        while pending:
            changed = [changed for value in pending for changed in self._accept(value)]
            if changed:
                self._record_own()
            for value in pending:
                has_new_candidate |= self._confirm(value)
            pending = changed
        if has_new_candidate:
            application, slot = self.context.application, self.context.slot
            self.composite = application.combine_candidates(slot, tuple(self.candidates))

    def _accept(self, value: bytes) -> tuple[bytes, ...]:
        """The values of which our own claim changed by accepting `value`, if that is possible."""
        if value in self.accepted:
            return ()
        voted = accepted = 0
        for bit, nominated in self.tally.claims.items():
            if value in nominated.voted:
                voted |= bit
                accepted |= bit if value in nominated.accepted else 0
        if not self.tally.accepts(voted, accepted):
            return ()
        valid = self._get_valid(value)
        if valid is None:
            return ()
        if valid != value:  # it made it far: vote for what we can make of it
            return (valid,) if self._add_vote(valid, VOTED_BYTES_MAX) else ()
        if value not in self.votes and not self._add_vote(value, VOTED_BYTES_MAX):
            return ()
        insort(self.accepted, value)
        return (value,)

    def _confirm(self, value: bytes) -> bool:
        """Whether an accepted value became a candidate."""
        if value in self.candidates or value not in self.accepted:
            return False
        claims = self.tally.claims.items()
        accepted = sum(bit for bit, nominated in claims if value in nominated.accepted)
        if not self.tally.has_quorum(accepted):
            return False
        insort(self.candidates, value)
        return True

    def _get_claimed_values(self) -> list[bytes]:
        claimed = {value for nominated in self.tally.claims.values() for value in nominated.voted}
        return sorted(claimed)

    def get_pledges(self) -> Nominate:
        quorum_set_hash = self.context.local.quorum_set_hash
        return Nominate(quorum_set_hash, tuple(self.votes), tuple(self.accepted))

    def _record_own(self) -> None:
        local = self.context.local
        nominated = Nominated(frozenset(self.votes), frozenset(self.accepted))
        self.tally.record(local.bit, nominated, local.quorum_set_hash, local.slices)

    def emit_newest(self, out: Outputs) -> None:
        """Ends an outer step: votes are sent if there are new ones and the node may speak."""
        pledges = self.get_pledges()
        if not pledges.votes or self.is_stopped:
            return
        is_known = self.emitted is not None and (
            (self.emitted.votes, self.emitted.accepted) == (pledges.votes, pledges.accepted)
        )
        if not is_known and self.context.may_emit(pledges.votes):
            self.emitted = pledges
            out.append(Emit(self.context.make_statement(pledges)))

    def update_timer(self, out: Outputs) -> None:
        """Ends an outer step: the round's timer runs until there is a candidate."""
        slot = self.context.slot
        wanted = self.round if self._is_open() else 0
        if wanted and wanted != self.timer_round:
            settings = self.context.application.get_timeouts(slot)
            timeout_ms = compute_timeout_ms(
                settings.nomination_initial_ms, settings.nomination_increment_ms, wanted
            )
            out.append(StartTimer(slot, TimerKind.NOMINATION, wanted, timeout_ms))
        elif self.timer_round and not wanted:
            out.append(StopTimer(slot, TimerKind.NOMINATION))
        self.timer_round = wanted
