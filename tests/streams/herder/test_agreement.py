"""SCP's statements signed, durable before they are sent, and judged when they come from others."""

from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.generated.common import Hash, Signature
from schemas.generated.consensus import (
    Ballot,
    Envelope,
    Nominate,
    Prepare,
    ScpValue,
    Statement,
)
from schemas.generated.overlay import Statements, TransactionSet
from streams.consensus.outputs import Emit
from streams.herder.agreement import Agreement
from streams.herder.outputs import Broadcast, Persist, StatementRow
from streams.herder.queue import TransactionQueue
from streams.herder.transaction_sets import TransactionSets
from streams.herder.values import Values
from streams.herder.votes import Votes
from streams.ledger.hashes import ZERO_HASH, compute_set_hash, compute_statement_hash
from tests.support.network import Network, get_key, get_public_key, make_economy, pay

SLOT = 6


class World:
    """Validator 0's agreement on the slot after a small economy."""

    def __init__(self) -> None:
        self.network: Network = make_economy()
        self.sets = TransactionSets(frozenset())
        ledger = self.network.ledger
        quorum_set = ledger.state.get_validators().quorum_set
        values = Values(ledger, self.sets, Votes())
        self.agreement = Agreement(
            self.network.network_id, get_key("validator 0"), quorum_set, values, self.sets
        )
        self.quorum_set_hash = self.agreement.scp.locals[0][1].quorum_set_hash
        self.value = self.make_value(ZERO_HASH)

    def make_value(self, set_hash: Hash) -> bytes:
        header = self.network.ledger.header
        at_ms = header.close_time_ms + 1_000
        return encode(ScpValue(self.network.ledger.header_hash, set_hash, at_ms, ()))

    def nominate(self, name: str, slot: int = SLOT) -> Statement:
        pledges = Nominate(self.quorum_set_hash, (self.value,), ())
        return Statement(get_public_key(name), slot, pledges)

    def prepare(self, value: bytes, commit: int) -> Statement:
        ballot = Ballot(1, value)
        pledges = Prepare(self.quorum_set_hash, ballot, ballot, None, commit, commit)
        return Statement(get_public_key("validator 0"), SLOT, pledges)

    def sign(self, statement: Statement, name: str) -> Envelope:
        raw = encode(statement)
        payload = compute_statement_hash(self.network.network_id, raw)
        return Envelope(raw, Signature(get_key(name).sign(payload).signature))

    def add_set(self) -> Hash:
        queue = TransactionQueue(10)
        body = pay(self.network, "alice", "bob", "EUR", 1)
        candidate = self.network.prepare("alice", body)
        queue.add(candidate)
        message = TransactionSet(self.network.ledger.header_hash, (candidate.envelope_hash,))
        self.sets.add(SLOT, message, queue)
        return compute_set_hash(message.previous_header_hash, message.envelope_hashes)


def test_a_members_true_statement_is_opened_once() -> None:
    world = World()
    statement = world.nominate("validator 1")
    envelope = world.sign(statement, "validator 1")
    assert world.agreement.open_envelope(envelope) == statement
    world.agreement.receive(statement, envelope)
    assert world.agreement.open_envelope(envelope) is None
    assert world.agreement.get_envelopes(SLOT) == (envelope,)
    assert world.agreement.get_statements(SLOT) == [statement]


def test_what_is_not_a_members_true_statement_is_not_opened() -> None:
    world = World()
    statement = world.nominate("validator 1")
    envelope = world.sign(statement, "validator 1")
    for wrong in (
        world.sign(world.nominate("stranger"), "stranger"),
        world.sign(statement, "validator 2"),
        replace(envelope, statement=envelope.statement + b"\x00"),
        replace(envelope, signature=Signature(bytes(64))),
        Envelope(b"", envelope.signature),
    ):
        assert world.agreement.open_envelope(wrong) is None


def test_refused_statements_are_not_passed_on() -> None:
    world = World()
    own = world.nominate("validator 0")
    world.agreement.receive(own, world.sign(own, "validator 0"))
    far = world.nominate("validator 1", slot=SLOT + 1_000)
    world.agreement.receive(far, world.sign(far, "validator 1"))
    assert world.agreement.get_envelopes(0) == ()


def test_a_statement_is_durable_before_it_is_sent() -> None:
    world = World()
    statement = world.nominate("validator 0")
    persist, broadcast = world.agreement.translate([Emit(statement)])
    assert persist == Persist((StatementRow(SLOT, True, encode(statement)),), ())
    assert isinstance(broadcast, Broadcast)
    assert isinstance(broadcast.message.body, Statements)
    [envelope] = broadcast.message.body.envelopes
    assert decode(Statement, envelope.statement) == statement
    assert envelope == world.sign(statement, "validator 0")
    assert world.agreement.get_envelopes(SLOT, is_own=True) == (envelope,)


def test_a_vote_to_commit_takes_its_set_along_once() -> None:
    world = World()
    value = world.make_value(world.add_set())
    first, *_ = world.agreement.translate([Emit(world.prepare(value, commit=0))])
    assert isinstance(first, Persist)
    assert first.sets == ()
    second, *_ = world.agreement.translate([Emit(world.prepare(value, commit=1))])
    assert isinstance(second, Persist)
    [row] = second.sets
    assert (row.slot, len(row.envelopes)) == (SLOT, 1)
    third, *_ = world.agreement.translate([Emit(world.prepare(value, commit=1))])
    assert isinstance(third, Persist)
    assert third.sets == ()


def test_restored_statements_are_told_to_those_who_ask() -> None:
    """Others may have missed them, and this node will not say them again by itself."""
    world = World()
    statements = [world.nominate("validator 0"), world.prepare(world.value, commit=0)]
    outputs = world.agreement.restore(statements)
    assert not any(isinstance(each, Broadcast | Persist) for each in outputs)
    expected = tuple(world.sign(each, "validator 0") for each in statements)
    assert world.agreement.get_envelopes(SLOT, is_own=True) == expected


def test_what_is_past_is_forgotten() -> None:
    world = World()
    statement = world.nominate("validator 1")
    envelope = world.sign(statement, "validator 1")
    world.agreement.receive(statement, envelope)
    world.agreement.externalized[SLOT] = world.value
    world.agreement.purge(SLOT + 1)
    assert world.agreement.get_envelopes(0) == ()
    assert world.agreement.externalized == {}


def test_who_is_not_in_the_quorum_set_watches() -> None:
    world = World()
    quorum_set = world.network.ledger.state.get_validators().quorum_set
    values = Values(world.network.ledger, world.sets, Votes())
    watcher = Agreement(
        world.network.network_id, get_key("watcher"), quorum_set, values, world.sets
    )
    assert not watcher.is_validator
    assert world.agreement.is_validator
