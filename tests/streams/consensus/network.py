"""A few pure `Scp` instances and a bag of messages between them, driven by one source of chance.

First anything may happen (`run_wild`): loss, duplication, reordering, time-outs at any moment,
crashes that leave only durable statements, sets that arrive late, lies. Then delivery is fair
(`run_fair`). What must hold at every moment is checked on the way: agreement, validity, and that no
node contradicts itself.
"""

from dataclasses import dataclass, field
from random import Random

from schemas.generated import consensus as wire
from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import Nominate, QuorumSet, Statement
from streams.consensus.application import Validation
from streams.consensus.claims import INFINITE_COUNTER, Pledges, can_follow, is_sane
from streams.consensus.outputs import (
    Emit,
    Equivocation,
    Externalized,
    Output,
    Refusal,
    Refused,
    StartTimer,
    StopTimer,
    TimerKind,
)
from streams.consensus.scp import Scp
from tests.streams.consensus.fixtures import EMPTY, ValueTable

SLOT = 7
DELAY_MS = 20


@dataclass
class Peer:
    """One node: what a crash takes (`scp`, `timers`) and what it leaves."""

    node: PublicKey
    quorum_set: QuorumSet
    proposal: bytes
    application: ValueTable = field(default_factory=ValueTable)
    durable: dict[bool, Statement] = field(default_factory=dict)  # by whether of nomination
    decided: bytes | None = None
    timers: dict[TimerKind, tuple[int, int]] = field(default_factory=dict)  # number, due at ms
    scp: Scp = field(init=False)

    def __post_init__(self) -> None:
        self.scp = Scp(self.node, self.quorum_set, self.application)


class Network:
    """Honest peers, each proposing a value of its own, and faulty nodes, which say anything."""

    def __init__(
        self,
        quorum_sets: dict[PublicKey, QuorumSet],
        random: Random,
        faulty: tuple[PublicKey, ...] = (),
    ) -> None:
        self.random = random
        self.faulty = faulty
        self.now_ms = 0
        self.proposals = {node: b"value of " + node for node in quorum_sets}
        self.peers = {
            node: Peer(node, quorum_set, self.proposals[node])
            for node, quorum_set in quorum_sets.items()
            if node not in faulty
        }
        for peer in self.peers.values():
            self.teach(peer)
        self.in_flight: list[tuple[PublicKey, Statement]] = []
        self.trace: list[str] = []

    def teach(self, peer: Peer) -> None:
        for other in self.peers.values():
            peer.scp.add_quorum_set(other.scp.locals[0][1].quorum_set)

    def start(self, peer: Peer) -> None:
        self.perform(peer, peer.scp.nominate(SLOT, peer.proposal, b"previous"))

    def perform(self, peer: Peer, result: tuple[Output, ...]) -> None:
        for output in result:
            self.trace.append(f"{peer.node.decode().strip()} {output}")
            match output:
                case Emit(statement):
                    self.emit(peer, statement)
                case StartTimer(_, kind, number, timeout_ms):
                    peer.timers[kind] = (number, self.now_ms + timeout_ms)
                case StopTimer(_, kind):
                    peer.timers.pop(kind, None)
                case Externalized(_, value):
                    self.decide(peer, value)
                case Refused(_, node, Refusal.MALFORMED):
                    assert node in self.faulty, self.trace
                case Equivocation(_, node, _, _):
                    assert node in self.faulty, self.trace

    def emit(self, peer: Peer, statement: Statement) -> None:
        is_nomination = isinstance(statement.pledges, Nominate)
        before = peer.durable.get(is_nomination)
        assert before is None or can_follow(before.pledges, statement.pledges), self.trace
        assert before is None or not can_follow(statement.pledges, before.pledges), self.trace
        peer.durable[is_nomination] = statement
        self.in_flight += [(node, statement) for node in self.peers if node != peer.node]

    def decide(self, peer: Peer, value: bytes) -> None:
        assert peer.decided in (None, value), self.trace
        peer.decided = value
        assert len({p.decided for p in self.peers.values()} - {None}) == 1, self.trace
        assert value.removeprefix(EMPTY) in self.proposals.values(), self.trace

    def deliver(self, node: PublicKey, statement: Statement) -> None:
        peer = self.peers[node]
        self.perform(peer, peer.scp.receive(statement))

    def fire(self, peer: Peer, kind: TimerKind) -> None:
        number, _ = peer.timers.pop(kind)
        self.perform(peer, peer.scp.fire_timer(SLOT, kind, number))

    def crash(self, peer: Peer) -> None:
        """Only what was made durable is there afterwards."""
        peer.scp = Scp(peer.node, peer.quorum_set, peer.application)
        peer.timers.clear()
        self.teach(peer)
        self.trace.append(f"{peer.node.decode().strip()} crashes")
        self.perform(peer, peer.scp.restore(peer.durable.values()))
        self.start(peer)

    def lose_set(self, peer: Peer) -> None:
        value = self.random.choice(list(self.proposals.values()))
        # Who has said that a value is valid has its set.
        if value != peer.proposal and value not in peer.application.levels:
            peer.application.levels[value] = Validation.STRUCTURALLY_VALID

    def find_set(self, peer: Peer, is_given_up: bool = False) -> None:
        missing = [v for v, level in peer.application.levels.items() if level is not VALID]
        if missing:
            value = self.random.choice(missing)
            if is_given_up:
                peer.application.given_up.add(value)
            else:
                peer.application.levels[value] = VALID
            self.perform(peer, peer.scp.revalidate(SLOT))

    def run_wild(self, steps: int) -> None:
        peers = list(self.peers.values())
        for peer in peers:
            for _ in range(self.random.randrange(2)):
                self.lose_set(peer)
        unstarted = list(peers)
        for _ in range(steps):
            chance, peer = self.random.randrange(100), self.random.choice(peers)
            if chance < 10 and unstarted:
                self.start(unstarted.pop(self.random.randrange(len(unstarted))))
            elif chance < 75 and self.in_flight:
                place = self.random.randrange(len(self.in_flight))
                node, statement = self.in_flight[place]
                if chance < 70:
                    self.in_flight.pop(place)
                if chance > 20:
                    self.deliver(node, statement)
            elif chance < 90 and peer.timers:
                self.fire(peer, self.random.choice(sorted(peer.timers, key=lambda k: k.value)))
            elif chance < 94:
                self.find_set(peer, is_given_up=chance < 92)
            elif chance == 99:
                self.crash(peer)
                if peer in unstarted:
                    unstarted.remove(peer)
            else:
                self.intrude()
        for peer in unstarted:
            self.start(peer)

    def intrude(self) -> None:
        """A faulty node tells somebody, and only him, whatever is not malformed."""
        if self.faulty:
            peer = self.random.choice(list(self.peers.values()))
            pledges = self.make_lie(peer.scp.locals[0][1].quorum_set_hash)
            liar = self.random.choice(self.faulty)
            if is_sane(pledges):
                self.deliver(peer.node, Statement(liar, SLOT, pledges))

    def make_lie(self, quorum_set_hash: Hash) -> Pledges:
        values, counter = list(self.proposals.values()), self.random.randrange
        first, second, third = (
            wire.Ballot(counter(1, 5), self.random.choice(values)) for _ in range(3)
        )
        match counter(4):
            case 0:
                votes, accepted = (
                    tuple(sorted(self.random.sample(values, counter(len(values)))))
                    for _ in range(2)
                )
                return wire.Nominate(quorum_set_hash, votes, accepted)
            case 1:
                prepared = self.random.choice([None, second])
                prime = self.random.choice([None, third])
                commit, high = self.random.choice([(0, 0), (0, 1), (1, 2), (2, 3)])
                return wire.Prepare(quorum_set_hash, first, prepared, prime, commit, high)
            case 2:
                low, high = sorted((counter(1, 4), counter(1, 5)))
                return wire.Confirm(quorum_set_hash, first, counter(1, 5), low, high)
            case _:
                high = self.random.choice([4, INFINITE_COUNTER])
                return wire.Externalize(first, high, quorum_set_hash)

    def run_fair(self, rounds: int = 400) -> None:
        """Everything arrives: messages within DELAY_MS, again and again, and all sets too."""
        for peer in self.peers.values():
            for value, level in peer.application.levels.items():
                if level is not VALID:
                    peer.application.levels[value] = VALID
            self.perform(peer, peer.scp.revalidate(SLOT))
        for _ in range(rounds):
            if all(peer.decided is not None for peer in self.peers.values()):
                return
            self.now_ms += DELAY_MS
            self.in_flight.clear()
            for peer in self.peers.values():
                for statement in list(peer.durable.values()):
                    self.in_flight += [(n, statement) for n in self.peers if n != peer.node]
            while self.in_flight:
                self.deliver(*self.in_flight.pop(0))
            for peer in self.peers.values():
                for kind, (_, due_ms) in list(peer.timers.items()):
                    if due_ms <= self.now_ms and kind in peer.timers:
                        self.fire(peer, kind)
            self.skip_to_next_timer()
        raise AssertionError("\n".join(["no decision", *self.trace[-200:]]))

    def skip_to_next_timer(self) -> None:
        due = [due_ms for peer in self.peers.values() for _, due_ms in peer.timers.values()]
        if due and not self.in_flight:
            self.now_ms = max(self.now_ms, min(due) - DELAY_MS)


VALID = Validation.FULLY_VALID
