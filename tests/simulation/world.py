"""The simulated world: virtual time, the nodes, the links between them and the ingest list.

One seed, one run: every choice comes from one generator, every event from one heap. It decides
nothing about what goes wrong; that is `faults`.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from random import Random

from schemas.codec import encode
from schemas.generated.common import PublicKey
from schemas.generated.overlay import Message
from streams.herder import outputs
from streams.herder.outputs import Output, Timer
from streams.herder.signature_work import find_false_signatures, make_job
from streams.ledger.admission import Candidate, RejectionReason, validate_envelope
from tests.simulation.archives import Archiving, MemoryBucket
from tests.simulation.beginning import NAMES, Beginning
from tests.simulation.byzantine import Liar
from tests.simulation.checks import Checks
from tests.simulation.disk import CorruptDisk
from tests.simulation.network import Links
from tests.simulation.node import Node
from tests.simulation.workload import Workload
from tests.support.network import get_key

POLL_MAX = 40
RECONNECT_MAX_MS = 60
SLOW = 100  # times as long


class World:
    """Everything of one run. `keys`: per node the number of its validator's key. `kept`: ledgers
    that nodes keep when they are archived."""

    def __init__(
        self, seed: int, beginning: Beginning, keys: tuple[int, ...], kept: int = 1_000
    ) -> None:
        self.kept = kept
        self.random = Random(seed)
        self.now_ms = beginning.network.ledger.header.close_time_ms
        self.links = Links(self.random)
        self.checks = Checks()
        self.workload = Workload(beginning.network, self.random, NAMES)
        self.beginning = beginning
        rows = beginning.disk.ledgers.items()
        self.checks.headers = {sequence: row.header_hash for sequence, row in rows}
        self.buckets = [MemoryBucket(f"archive {index}") for index in range(len(keys))]
        self.nodes = [self._make_node(index, key) for index, key in enumerate(keys)]
        self.liars: dict[int, tuple[str, Liar]] = {}  # node -> behaviour, and who shows it
        self.slow: int | None = None  # the node to which and from which everything takes long
        self.skews_ms = [0] * len(self.nodes)
        self.readers = [True] * len(self.nodes)
        self.outputs_left: dict[int, int] = {}  # node -> outputs until it is killed
        self.is_mixed = False  # some nodes have an older release
        self.alarms: list[str] = []
        self.counts: dict[str, int] = {}
        self.sent: Counter[tuple[int, str]] = Counter()  # by node and kind of message
        self.crash_rule: Callable[[Node, Output], bool] = lambda _, __: False
        self._network_id = beginning.network.network_id
        self._opened: dict[bytes, Candidate | None] = {}
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._events_made = 0
        self._trace = sha256()
        keys_seen = [node.node_id for node in self.nodes]
        self._unsure = {key for key in keys_seen if keys_seen.count(key) > 1}

    def _make_node(self, index: int, key: int) -> Node:
        disk = self.beginning.disk.copy()
        archiving = Archiving(disk, self.buckets, index, self.kept, self.count)
        return Node(self, index, get_key(f"validator {key}"), disk, archiving)

    # Time

    def schedule(self, delay_ms: int, action: Callable[[], None]) -> None:
        self._events_made += 1
        heapq.heappush(self._events, (self.now_ms + delay_ms, self._events_made, action))

    def run_for(self, duration_ms: int, is_done: Callable[[], bool] = lambda: False) -> bool:
        """Runs until nothing is left to do in that time, or until it is done."""
        end_ms = self.now_ms + duration_ms
        while self._events and self._events[0][0] <= end_ms:
            if is_done():
                return True
            self.now_ms, _, action = heapq.heappop(self._events)
            action()
        self.now_ms = max(self.now_ms, end_ms)
        return is_done()

    # Nodes

    @property
    def honest(self) -> list[Node]:
        """The nodes whose key is in one place only, and that do not lie."""
        return [node for node in self.nodes if node.node_id not in self._unsure]

    def make_liar(self, node: Node, behaviour: str) -> None:
        others = [peer.node_id for peer in self.nodes if peer is not node]
        self._unsure.add(node.node_id)
        self.liars[node.index] = behaviour, Liar(self.random, node.key, others, self._network_id)

    def wipe(self, node: Node) -> None:
        """Its disk is lost. Without its memory it may contradict what it said before."""
        if node.herder is not None:
            node.crash()
        self.count("wiped")
        self.checks.forget(node.node_id)
        node.disk = self.beginning.genesis.copy()
        node.archiving = Archiving(node.disk, self.buckets, node.index, self.kept, self.count)

    def start(self, node: Node) -> None:
        """Starts its process, unless it runs. A disk that is found to be damaged is emptied, as an
        operator would."""
        if node.herder is None:
            self._note(f"start {node.index}")
            try:
                node.start()
            except CorruptDisk:
                if not node.disk.is_damaged:
                    raise
                self.count("damage found")
                self.wipe(node)
                node.start()
            self.poll(node)
            self._archive(node)
            for peer in self.nodes:
                self.connect(node, peer)

    def connect(self, node: Node, peer: Node) -> None:
        """The two find each other after a while."""
        for one, other in ((node, peer), (peer, node)):
            if node is not peer:
                self._schedule_for(
                    one,
                    self.random.randint(1, RECONNECT_MAX_MS),
                    lambda one=one, other=other: self._connect(one, other),  # type: ignore[misc]
                )

    def _connect(self, node: Node, peer: Node) -> None:
        if peer.herder is not None and (node.index, peer.index) not in self.links.cut:
            node.connect(peer.node_id)

    def poll(self, node: Node) -> None:
        """Reads the ingest list, and again after a while, until the process ends."""
        if self.readers[node.index]:
            first = node.next_offset
            offers = self.workload.offers[first : first + POLL_MAX]
            if offers:
                node.read(first, [(each.envelope, each.envelope_hash) for each in offers])
        self._schedule_for(node, self.random.randint(10, 150), lambda: self.poll(node))

    def set_cut(self, cut: set[tuple[int, int]]) -> None:
        """Cuts these links, and mends those that were cut and no longer are."""
        mended = self.links.cut - cut
        self.links.cut = cut
        self._note(f"cut {sorted(cut)}")
        for one, other in sorted(mended):
            if (other, one) not in cut:
                self.connect(self.nodes[one], self.nodes[other])

    def _archive(self, node: Node) -> None:
        """What the worker beside it does, until both end."""
        node.archiving.work(self.beginning.genesis_position)
        self._schedule_for(node, self.random.randint(200, 900), lambda: self._archive(node))

    def start_archive_reader(self, node: Node, read: Callable[[], None]) -> None:
        self._schedule_for(node, self.random.randint(5, 200), read)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

    def _schedule_for(self, node: Node, delay_ms: int, action: Callable[[], None]) -> None:
        """An event of the process that runs now; void once it was killed."""
        life = node.life

        def act() -> None:
            if node.life == life and node.herder is not None:
                action()

        self.schedule(delay_ms, act)

    # What nodes ask of the world

    def get_clock_ms(self, node: Node) -> int:
        return self.now_ms + self.skews_ms[node.index]

    def is_crash_due(self, node: Node, output: Output) -> bool:
        left = self.outputs_left.get(node.index)
        if left is None:
            return self.crash_rule(node, output)
        self.outputs_left[node.index] = left - 1
        if left > 0:
            return False
        del self.outputs_left[node.index]
        self._note(f"killed before {type(output).__name__}")
        return True

    def start_timer(self, node: Node, timer: Timer, delay_ms: int) -> None:
        ticket = node.take_ticket(timer)
        self._schedule_for(node, delay_ms, lambda: node.fire(timer, ticket))

    def carry(self, node: Node, peer: PublicKey | None, message: Message) -> None:
        self._trace.update(encode(message))
        self.sent[node.index, type(message.body).__name__] += 1
        if node.node_id not in self._unsure:
            self.checks.check_sent(node.node_id, message)
            self.checks.check_durable(node.name, node.node_id, message, node.disk)
        for receiver in self.nodes:
            if receiver.node_id == node.node_id or peer not in (None, receiver.node_id):
                continue
            for said in self._lie(node, receiver, message):
                self._carry(node, receiver, said)

    def _lie(self, node: Node, receiver: Node, message: Message) -> list[Message]:
        if node.index not in self.liars:
            return [message]
        behaviour, liar = self.liars[node.index]
        said = liar.tell(behaviour, receiver.index, message)
        if said != [message]:
            self.count(behaviour)
        return said

    def _carry(self, node: Node, receiver: Node, message: Message) -> None:
        slowness = SLOW if self.slow in (node.index, receiver.index) else 1
        if slowness > 1:
            self.count("slowed")
        for delivery in self.links.carry(node.index, receiver.index, message):
            arriving = delivery.message
            self._schedule_for(
                receiver,
                delivery.delay_ms * slowness,
                lambda m=arriving: receiver.receive(node.node_id, m),  # type: ignore[misc]
            )

    def open_envelope(self, envelope: bytes) -> Candidate | None:
        """The candidate, if it is well-formed and its signatures are true; looked at once."""
        if envelope not in self._opened:
            opened = validate_envelope(envelope, self._network_id)
            self._opened[envelope] = (
                None if isinstance(opened, RejectionReason) or not _is_true(opened) else opened
            )
        return self._opened[envelope]

    def note(self, node: Node, output: Output) -> None:
        """Remembers an output that is being performed, and looks at what must always hold."""
        kind = type(output).__name__
        self.count(kind)
        self._note(f"{node.index} {kind} {_get_detail(output)}")
        if isinstance(output, outputs.Alarm):
            self.alarms.append(f"{node.name}: {output.text}")
        if isinstance(output, outputs.Commit) and node.node_id not in self._unsure:
            self.checks.check_commit(node.name, output)

    def note_crash(self, node: Node) -> None:
        self.outputs_left.pop(node.index, None)
        self.count("crashes")
        self._note(f"crash {node.index}")

    def offer(self) -> None:
        known = len(self.workload.offers)
        self.workload.offer(self.now_ms)
        for each in self.workload.offers[known:]:
            self.checks.offered.add(each.envelope_hash)

    # Reading it off

    def get_trace_hash(self) -> str:
        return self._trace.hexdigest()

    def get_sequence(self) -> int:
        """The newest ledger that any honest node has closed."""
        return max(node.sequence for node in self.honest)

    def is_level(self) -> bool:
        """All honest nodes run and have closed the same newest ledger."""
        rows = [node.disk.ledgers[node.sequence].header_hash for node in self.honest]
        return len(set(rows)) == 1 and all(node.herder is not None for node in self.honest)

    def _note(self, text: str) -> None:
        self._trace.update(f"{self.now_ms} {text}\n".encode())


def _is_true(candidate: Candidate) -> bool:
    [false] = find_false_signatures([make_job(candidate)])
    return false is None


def _get_detail(output: Output) -> str:
    match output:
        case outputs.Commit(closed):
            return f"{closed.header.sequence} {closed.header_hash.hex()}"
        case outputs.StartTimer(timer, delay_ms):
            return f"{timer.name.value} {timer.slot} {timer.number} {delay_ms}"
        case outputs.Alarm(text):
            return text
        case outputs.Reject(envelope_hash, rejection):
            return f"{envelope_hash.hex()} {rejection.code.name}"
        case _:
            return ""
