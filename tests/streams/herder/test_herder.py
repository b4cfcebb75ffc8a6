"""The herder's own decisions: when a ledger is started, what is resent, how it finds its way back.

Whole networks of herders are in tests/simulation.
"""

from schemas.codec import decode, encode
from schemas.generated.common import Hash
from schemas.generated.consensus import Nominate, ScpValue, Statement
from schemas.generated.ledger import LedgerHeader, LedgerRecord
from schemas.generated.overlay import (
    CertificateReply,
    CertificateRequest,
    DemandTransactions,
    LedgerReply,
    LedgerRequest,
    Message,
    SetRequest,
    SetUnknown,
    SignedHeader,
    Statements,
    StateRequest,
    Transactions,
    TransactionSet,
)
from streams.herder.herder import RESEND_MS, Herder
from streams.herder.lanes import Lane
from streams.herder.outputs import (
    Alarm,
    Broadcast,
    Certified,
    Commit,
    Output,
    Reject,
    Send,
    StartTimer,
    StatementRow,
    Timer,
    TimerName,
)
from streams.herder.restored import Restored, RestoredHeader, make_closed_set
from streams.herder.transaction_sets import UNASKED_MAX
from streams.ledger.hashes import ZERO_HASH, compute_hash, compute_set_hash
from tests.streams.herder.test_agreement import World as AgreementWorld
from tests.streams.herder.test_certifier import sign
from tests.support.network import Network, get_key, get_public_key, make_economy, pay

RESEND = Timer(TimerName.RESEND, 0)
PEER = get_public_key("validator 1")


def get_messages(outputs: list[Output], kind: type) -> list[Message]:
    sent = [each.message for each in outputs if isinstance(each, Broadcast | Send)]
    return [message for message in sent if isinstance(message.body, kind)]


def get_trigger_ms(outputs: list[Output]) -> list[int]:
    return [
        each.delay_ms
        for each in outputs
        if isinstance(each, StartTimer) and each.timer.name is TimerName.TRIGGER
    ]


class Node:
    """Validator 0 after a small economy, at the time of its last ledger."""

    def __init__(self, restored: Restored | None = None, key: str = "validator 0") -> None:
        self.network: Network = make_economy()
        self.now_ms = self.network.ledger.header.close_time_ms
        self.herder = Herder(self.network.ledger, get_key(key))
        self.started = self.herder.start(restored or Restored(), self.now_ms)

    def receive(self, body: object, after_ms: int = 0) -> list[Output]:
        message = Message(body)  # type: ignore[arg-type]
        return self.herder.receive(PEER, message, self.now_ms + after_ms)

    def fire(self, timer: Timer, after_ms: int) -> list[Output]:
        return self.herder.fire(timer, self.now_ms + after_ms)

    def speak(self, slot: int) -> Statements:
        """What a peer that nominates in `slot` sends."""
        world = AgreementWorld()
        statement = world.nominate("validator 1", slot=slot)
        return Statements((world.sign(statement, "validator 1"),))


def fork(count: int) -> tuple[Network, list[LedgerRecord]]:
    """The network some ledgers on."""
    network = make_economy()
    for number in range(count):
        network.apply("alice", pay(network, "alice", "bob", "EUR", number + 1))
    return network, network.records[-count:]


def test_an_empty_ledger_waits_for_the_heartbeat() -> None:
    node = Node()
    assert get_trigger_ms(node.started) == [5_000]
    trigger = Timer(TimerName.TRIGGER, 0)
    assert get_trigger_ms(node.fire(trigger, 4_999)) == [1]
    node.fire(trigger, 5_000)
    assert node.herder.proposer.is_started


def test_a_clock_that_is_set_back_does_not_put_the_next_ledger_off() -> None:
    node = Node()
    hour_ms = 3_600_000
    trigger = Timer(TimerName.TRIGGER, 0)
    assert get_trigger_ms(node.fire(trigger, -hour_ms)) == [5_000]
    assert get_trigger_ms(node.fire(trigger, -hour_ms + 4_000)) == [1_000]
    node.fire(trigger, -hour_ms + 5_000)
    assert node.herder.proposer.is_started


def test_work_waits_for_the_interval() -> None:
    node = Node()
    candidate = node.network.prepare("alice", pay(node.network, "alice", "bob", "EUR", 1))
    outputs = node.herder.admit([candidate], node.now_ms + 50)
    assert get_trigger_ms(outputs) == [150]


def test_a_peers_nomination_starts_a_ledger_as_work_does() -> None:
    node = Node()
    outputs = node.receive(node.speak(6), after_ms=50)
    assert get_trigger_ms(outputs) == [150]


def test_a_nomination_heard_early_counts_when_its_slot_opens() -> None:
    node = Node()
    assert get_trigger_ms(node.receive(node.speak(7), after_ms=50)) == [4_950]
    _, [record] = fork(1)
    outputs = node.receive(LedgerReply(6, record), after_ms=60)
    assert get_trigger_ms(outputs) == [200]


def test_a_watcher_starts_nothing() -> None:
    node = Node(key="watcher")
    assert get_trigger_ms(node.started) == []
    assert get_trigger_ms(node.receive(node.speak(6))) == []


def test_a_ledger_caught_up_with_is_stored_with_its_certificate_and_not_signed() -> None:
    node = Node()
    network, [record, *_] = fork(3)
    outputs = node.receive(LedgerReply(6, record))
    [commit] = [each for each in outputs if isinstance(each, Commit)]
    assert commit.certificate == record.certificate
    assert commit.signature is None
    assert not get_messages(outputs, SignedHeader)
    assert node.herder.open_slot == 7
    assert node.receive(LedgerReply(6, record)) == []
    assert node.receive(LedgerReply(7, None)) == []
    for sequence in (7, 8):
        node.receive(LedgerReply(sequence, network.records[sequence - 1]))
    assert node.herder.ledger.header == network.ledger.header
    assert not node.herder.certifier.uncertified


def test_a_false_ledger_is_an_alarm_and_changes_nothing() -> None:
    node = Node()
    _, [record] = fork(1)
    forged = LedgerRecord(record.header, record.certificate, record.body + b"\x00")
    [alarm] = node.receive(LedgerReply(6, forged))
    assert isinstance(alarm, Alarm)
    assert node.herder.open_slot == 6


def test_a_peer_two_slots_ahead_is_asked_for_the_ledger_between_once() -> None:
    node = Node()
    asked = get_messages(node.receive(node.speak(8)), LedgerRequest)
    assert asked == [Message(LedgerRequest(6))]
    assert not get_messages(node.receive(node.speak(9)), LedgerRequest)
    again = node.fire(Timer(TimerName.CATCH_UP, 0), 500)
    assert get_messages(again, LedgerRequest) == asked


def test_one_slot_ahead_is_normal_until_this_node_is_late() -> None:
    node = Node()
    assert not get_messages(node.receive(node.speak(7)), LedgerRequest)
    assert not get_messages(node.fire(RESEND, RESEND_MS - 1), LedgerRequest)
    asked = get_messages(node.fire(RESEND, RESEND_MS), LedgerRequest)
    assert asked == [Message(LedgerRequest(6))]


def test_what_was_said_is_said_again_while_a_slot_is_stuck() -> None:
    """Also after a restart: the statement of an earlier life may never have arrived."""
    world = AgreementWorld()
    statement = world.nominate("validator 0")
    node = Node(Restored(statements=(StatementRow(6, True, encode(statement)),)))
    assert not get_messages(node.started, Statements)
    outputs = node.fire(RESEND, RESEND_MS)
    expected = Message(Statements((world.sign(statement, "validator 0"),)))
    assert expected in get_messages(outputs, Statements)
    assert get_messages(outputs, StateRequest) == [Message(StateRequest(6))]
    told = node.receive(StateRequest(6))
    assert expected in get_messages(told, Statements)


def test_an_idle_network_is_not_disturbed_and_a_silent_one_is_asked() -> None:
    node = Node()
    assert not get_messages(node.fire(RESEND, 5_999), StateRequest)
    assert get_messages(node.fire(RESEND, 6_000), StateRequest)


def test_uncertified_ledgers_are_signed_for_again_and_asked_for() -> None:
    network = make_economy()
    header_hash = network.ledger.header_hash
    own, first, second = (sign(number, header_hash, 5) for number in range(3))
    restored = RestoredHeader(5, header_hash, own.signature)
    node = Node(Restored(uncertified=(restored,)))
    outputs = node.fire(RESEND, 10)
    assert get_messages(outputs, SignedHeader) == [Message(own)]
    assert get_messages(outputs, CertificateRequest) == [Message(CertificateRequest(5))]
    assert node.receive(first) == []
    [certified] = node.receive(second)
    assert isinstance(certified, Certified)
    assert not get_messages(node.fire(RESEND, 20), SignedHeader)


def test_a_peer_gets_the_set_of_a_ledger_that_lacks_its_certificate() -> None:
    """Those who have to sign it may have lost it, and nobody else has it: after a restart, too."""
    record = make_economy().records[-1]
    closed = make_closed_set(record.header, record.body)
    node = Node(Restored(closed_sets=(closed,)))
    set_hash = decode(LedgerHeader, record.header).set_hash
    (answer,) = get_messages(node.receive(SetRequest(set_hash)), TransactionSet)
    assert isinstance(answer.body, TransactionSet)
    outputs = node.receive(DemandTransactions(answer.body.envelope_hashes))
    (told,) = get_messages(outputs, Transactions)
    assert isinstance(told.body, Transactions)
    assert sorted(told.body.envelopes) == sorted(closed.envelopes)
    assert len(node.herder.intake.queue) == 0


def test_a_certificate_from_a_peer_is_judged_by_its_signatures() -> None:
    network = make_economy()
    restored = tuple(RestoredHeader(n, _get_header_hash(network, n), None) for n in (3, 4, 5))
    node = Node(Restored(uncertified=restored))
    certificate = network.records[2].certificate
    header_hash = restored[0].header_hash
    assert node.receive(CertificateReply(3, ZERO_HASH, certificate)) == []
    outputs = node.receive(CertificateReply(3, header_hash, certificate))
    assert [each for each in outputs if isinstance(each, Certified)] == [
        Certified(3, header_hash, certificate, None)
    ]
    assert get_messages(outputs, CertificateRequest) == [Message(CertificateRequest(4))]


def test_the_sets_of_a_statement_heard_early_are_asked_for_when_its_time_comes() -> None:
    node = Node()
    value = encode(ScpValue(ZERO_HASH, _get_header_hash(node.network, 2), 1, ()))
    world = AgreementWorld()
    pledges = Nominate(world.quorum_set_hash, (value,), ())
    statement = Statement(PEER, 8, pledges)
    envelope = world.sign(statement, "validator 1")
    assert not get_messages(node.receive(Statements((envelope,))), SetRequest)
    _, [record] = fork(1)
    outputs = node.receive(LedgerReply(6, record))
    assert len(get_messages(outputs, SetRequest)) == 1


def test_a_set_that_is_none_is_an_alarm() -> None:
    node = Node()
    [alarm] = node.receive(TransactionSet(ZERO_HASH, ()))
    assert isinstance(alarm, Alarm)


def test_a_peer_that_floods_sets_nobody_asked_for_is_bounded() -> None:
    node = Node()
    for number in range(1, 50):
        node.receive(TransactionSet(Hash(bytes(32)), (Hash(bytes([number]) * 32),)))
    assert len(node.herder._sets._sets) == UNASKED_MAX


def test_a_watchers_queue_forgets_what_has_expired() -> None:
    node = Node(key="watcher")
    body = pay(node.network, "alice", "bob", "EUR", 1)
    candidate = node.network.prepare("alice", body, max_time_ms=node.now_ms + 900)
    node.herder.admit([candidate], node.now_ms)
    assert len(node.herder.intake.queue) == 1
    _, [record] = fork(1)
    outputs = node.receive(LedgerReply(6, record))
    rejected = [each.envelope_hash for each in outputs if isinstance(each, Reject)]
    assert rejected == [candidate.envelope_hash]
    assert len(node.herder.intake.queue) == 0


def test_a_known_set_is_given_to_who_asks_and_of_another_it_is_told_that_it_is_not_here() -> None:
    node = Node()
    candidate = node.network.prepare("alice", pay(node.network, "alice", "bob", "EUR", 1))
    node.herder.admit([candidate], node.now_ms)
    message = TransactionSet(node.network.ledger.header_hash, (candidate.envelope_hash,))
    set_hash = compute_set_hash(message.previous_header_hash, message.envelope_hashes)
    request = SetRequest(set_hash)
    assert node.receive(request) == [Send(PEER, Lane.REPLIES, Message(SetUnknown(set_hash)))]
    node.receive(message)
    assert node.receive(request) == [Send(PEER, Lane.REPLIES, Message(message))]


def _get_header_hash(network: Network, sequence: int) -> Hash:
    return compute_hash(network.records[sequence - 1].header)
