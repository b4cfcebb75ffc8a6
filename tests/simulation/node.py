"""One simulated node: the real herder, and the shell's part of performing what it says.

What `streams/node/performer.py` does with sockets, PostgreSQL and Kafka is done here, in the same
order, with the world's events and rows in memory. A crash may come before any output: then the rest
of the step and everything in memory are gone.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from nacl.signing import SigningKey

from schemas.generated.common import Hash, PublicKey
from schemas.generated.overlay import (
    CertificateReply,
    CertificateRequest,
    LedgerReply,
    LedgerRequest,
    LedgersArchived,
    Message,
    Transactions,
)
from streams.herder import outputs
from streams.herder.herder import Herder
from streams.herder.offsets import Offsets
from streams.herder.outputs import Output, Timer, TimerName
from streams.herder.votes import Vote
from streams.ledger.admission import Candidate
from streams.ledger.close import Ledger
from streams.ledger.errors import InvariantViolation
from streams.ledger.genesis import GENESIS_SEQUENCE
from streams.ledger.hashes import compute_hash
from streams.ledger.values import LEDGER_VERSION_MAX
from streams.node.archive_reader import make_certificate_reply
from streams.node.rejoin import get_position, install_snapshot
from tests.simulation.archives import AWAY, Archiving
from tests.simulation.beginning import Beginning
from tests.simulation.disk import Disk

RECORDS_MAX = 16  # in one answer
NEWEST_RELEASE = LEDGER_VERSION_MAX + 1  # its rules are the same: only who knows of it differs
TimerKey = tuple[TimerName, int]


class Crash(Exception):
    """The process was killed before the output."""


class World(Protocol):
    """What a node needs of the run it is in."""

    def get_clock_ms(self, node: "Node") -> int: ...
    def is_crash_due(self, node: "Node", output: Output) -> bool: ...
    def start_timer(self, node: "Node", timer: Timer, delay_ms: int) -> None: ...
    def carry(self, node: "Node", peer: PublicKey | None, message: Message) -> None: ...
    def open_envelope(self, envelope: bytes) -> Candidate | None: ...
    def note(self, node: "Node", output: Output) -> None: ...
    def note_crash(self, node: "Node") -> None: ...
    @property
    def beginning(self) -> Beginning: ...
    def start_archive_reader(self, node: "Node", read: Callable[[], None]) -> None: ...
    def count(self, what: str) -> None: ...
    @property
    def is_mixed(self) -> bool: ...


class Node:
    """A node on its disk; `herder` is None while its process is down."""

    def __init__(
        self, world: World, index: int, key: SigningKey, disk: Disk, archiving: Archiving
    ) -> None:
        self.world = world
        self.archiving = archiving
        self.is_reading = False
        self.index = index
        self.name = f"node {index}"
        self.key = key
        self.node_id = PublicKey(bytes(key.verify_key))
        self.disk = disk
        self.release = LEDGER_VERSION_MAX  # the newest rules that its program knows
        self.herder: Herder | None = None
        self.offsets = Offsets()
        self.next_offset = 0
        self.life = 0  # how often it was started; events of an earlier life are void
        self.timers: dict[TimerKey, int] = {}  # the newest ticket of each timer
        self._tickets = 0

    @property
    def sequence(self) -> int:
        return max(self.disk.ledgers)

    def start(self) -> None:
        """A new process on what the disk holds; on an empty one it begins with a snapshot. Raises
        `CorruptDisk`."""
        self.life += 1
        self.is_reading = False
        ledger = self.disk.load_ledger()
        if ledger.header.sequence == GENESIS_SEQUENCE:
            ledger = self._begin(ledger)
        ledger.state.version_max = self.release
        self.herder = Herder(ledger, self.key)
        self.offsets = Offsets()
        self.next_offset = self.disk.next_offset
        restored = self.disk.load_restored()
        self._do(lambda herder, now_ms: herder.start(restored, now_ms))

    def _begin(self, ledger: Ledger) -> Ledger:
        """As `rejoin.begin`."""
        history = self.archiving.open_history(get_position(ledger))
        try:
            installed = install_snapshot(self.disk, history, history.find_newest())
        except AWAY:
            return ledger
        if installed is None:
            return ledger
        self.world.count("snapshots installed")
        return installed

    def read_archive(self, last: int) -> None:
        """As `ArchiveReader`: what archives have up to ledger `last` goes to the herder."""
        if self.herder is None:
            return
        history = self.archiving.open_history(get_position(self.herder.ledger))
        for verified in history.read_on(last):
            if self.herder is None or verified.header.sequence != self.herder.open_slot:
                return
            self.world.count("read from archives")
            record = verified.record
            self._do(lambda herder, now_ms: herder.take_ledger(record, now_ms))  # noqa: B023

    def read_certificates(self, first: int, last: int) -> None:
        """As `ArchiveReader`."""
        history = self.archiving.open_history(self.world.beginning.genesis_position)
        history.follow(first - 1)
        for verified in history.read_on(last):
            self.world.count("certificates read from archives")
            reply = make_certificate_reply(verified)
            self._do(lambda herder, now_ms: herder.take_certificate(reply, now_ms))  # noqa: B023

    def _start_reading(self, read: Callable[[], None]) -> None:
        """One at a time; what is away is asked for again by the herder."""
        if self.is_reading:
            return
        self.is_reading = True

        def work() -> None:
            self.is_reading = False
            try:
                read()
            except AWAY:
                self.world.count("archives away")

        self.world.start_archive_reader(self, work)

    def crash(self) -> None:
        self.herder = None
        self.archiving.end()
        self.timers.clear()
        self.world.note_crash(self)

    def vote(self, *votes: Vote) -> None:
        """Its operator votes for upgrades: durable before the herder knows."""
        self.disk.votes = votes
        self._do(lambda herder, now_ms: herder.vote(votes, now_ms))

    def connect(self, peer: PublicKey) -> None:
        self._do(lambda herder, now_ms: herder.connect(peer, now_ms))

    def take_ticket(self, timer: Timer) -> int:
        """Names one setting of a timer; setting it again makes the former void."""
        self._tickets += 1
        self.timers[timer.name, timer.slot] = self._tickets
        return self._tickets

    def fire(self, timer: Timer, ticket: int) -> None:
        if self.timers.get((timer.name, timer.slot)) == ticket:
            del self.timers[timer.name, timer.slot]
            self._do(lambda herder, now_ms: herder.fire(timer, now_ms))

    def receive(self, peer: PublicKey, message: Message) -> None:
        match message.body:
            case LedgerRequest(first_sequence):
                self._answer_ledger_request(peer, first_sequence)
            case CertificateRequest(sequence):
                self._answer_certificate_request(peer, sequence)
            case Transactions(envelopes):
                self.offer(envelopes)
            case _:
                self._do(lambda herder, now_ms: herder.receive(peer, message, now_ms))

    def _answer_ledger_request(self, peer: PublicKey, first: int) -> None:
        replies: list[LedgerReply | LedgersArchived] = []
        for sequence in range(first, first + RECORDS_MAX):
            record = self.disk.get_record(sequence)
            if record is None:
                break
            replies.append(LedgerReply(sequence, record))
        if not replies:
            kept = min((each for each in self.disk.ledgers if each >= first), default=None)
            replies.append(
                LedgerReply(first, None) if kept is None else LedgersArchived(kept, "archive")
            )
        for reply in replies:
            self.world.carry(self, peer, Message(reply))

    def _answer_certificate_request(self, peer: PublicKey, sequence: int) -> None:
        row = self.disk.ledgers.get(sequence)
        if row is not None and row.certificate is not None:
            reply = CertificateReply(sequence, row.header_hash, row.certificate)
            self.world.carry(self, peer, Message(reply))
        elif row is None and self.sequence > sequence:
            kept = min(each for each in self.disk.ledgers if each > sequence)
            self.world.carry(self, peer, Message(LedgersArchived(kept, "archive")))

    def read(self, first: int, envelopes: Sequence[tuple[bytes, Hash]]) -> None:
        """Envelopes from the ingest topic, from offset `first` on."""
        for offset, (_, envelope_hash) in enumerate(envelopes, first):
            self.offsets.add(0, offset, envelope_hash)
        self.next_offset = first + len(envelopes)
        self.offer([envelope for envelope, _ in envelopes])

    def offer(self, envelopes: Sequence[bytes]) -> None:
        """What is well-formed and truly signed goes on to the herder."""
        candidates = []
        for envelope in envelopes:
            opened = self.world.open_envelope(envelope)
            if opened is None:
                self.offsets.set_processed(compute_hash(envelope))
            else:
                candidates.append(opened)
        if candidates:
            self._do(lambda herder, now_ms: herder.admit(candidates, now_ms))

    def _do(self, step: Callable[[Herder, int], list[Output]]) -> None:
        if self.herder is None:
            return
        try:
            for output in step(self.herder, self.world.get_clock_ms(self)):
                if self.world.is_crash_due(self, output):
                    raise Crash
                self._perform(output)
        except Crash:
            self.crash()
        except InvariantViolation:  # the process ends before it signs
            if self.release == NEWEST_RELEASE or not self.world.is_mixed:
                raise
            self.world.count("stopped by an old release")
            self.crash()

    def _perform(self, output: Output) -> None:
        self.world.note(self, output)
        match output:
            case outputs.Persist():
                self.disk.persist(output)
            case outputs.Commit():
                self._commit(output)
            case outputs.Certified():
                self.disk.certify(output)
            case outputs.Broadcast(_, message):
                self.world.carry(self, None, message)
            case outputs.Send(peer, _, message):
                self.world.carry(self, peer, message)
            case outputs.StartTimer(timer, delay_ms):
                self.world.start_timer(self, timer, delay_ms)
            case outputs.StopTimer(name, slot):
                self.timers.pop((name, slot), None)
            case outputs.Processed(envelope_hashes):
                self.offsets.set_processed(*envelope_hashes)
            case outputs.Reject(envelope_hash, _):
                self.offsets.set_processed(envelope_hash)
            case outputs.ReadArchive(last):
                self._start_reading(lambda: self.read_archive(last))
            case outputs.ReadCertificates(first, last):
                self._start_reading(lambda: self.read_certificates(first, last))
            case outputs.Alarm():
                pass  # noted above

    def _commit(self, commit: outputs.Commit) -> None:
        self.disk.commit(commit, self.offsets.get_next().get(0, self.next_offset))
