"""Intake: kept or rejected with a code, told to peers, processed for the offsets."""

from schemas.generated.common import PublicKey
from schemas.generated.events import RejectionCode
from schemas.generated.operations import CreateSigner, ManageSigner
from schemas.generated.overlay import (
    AdvertTransactions,
    DemandTransactions,
    Message,
    Transactions,
    TransactionSet,
)
from streams.herder.intake import Intake
from streams.herder.lanes import Lane
from streams.herder.outputs import Broadcast, Output, Processed, Reject, Send, StartTimer
from streams.herder.transaction_sets import TransactionSets
from streams.ledger.admission import Candidate
from streams.ledger.hashes import compute_set_hash
from tests.support.network import Network, get_owner, make_economy, pay

ANNA = PublicKey(b"a" * 32)


def make_intake(network: Network, is_flooding: bool = True) -> Intake:
    return Intake(network.ledger, TransactionSets(frozenset()), 100, is_flooding)


def prepare(network: Network, amount: int = 1) -> Candidate:
    return network.prepare("alice", pay(network, "alice", "bob", "EUR", amount))


def get_codes(outputs: list[Output]) -> list[RejectionCode]:
    return [each.rejection.code for each in outputs if isinstance(each, Reject)]


def test_what_is_kept_is_advertised_once() -> None:
    network = make_economy()
    intake = make_intake(network)
    candidate = prepare(network)
    outputs, has_completed = intake.admit([candidate])
    advert = Message(AdvertTransactions((candidate.envelope_hash,)))
    assert outputs == [Broadcast(Lane.ADVERTS, advert)]
    assert not has_completed
    assert intake.admit([candidate]) == ([], False)
    assert make_intake(network, is_flooding=False).admit([candidate]) == ([], False)


def test_what_is_refused_is_told_and_forgotten() -> None:
    network = make_economy()
    intake = make_intake(network)
    nobody = network.prepare("nobody", pay(network, "alice", "bob", "EUR", 1))
    outputs, _ = intake.admit([nobody])
    assert get_codes(outputs) == [RejectionCode.NO_ACCOUNT]
    assert outputs[1:] == []
    assert not intake.is_known(nobody.envelope_hash)


def test_what_may_become_valid_is_kept() -> None:
    network = make_economy()
    intake = make_intake(network)
    now_ms = network.ledger.header.close_time_ms
    body = pay(network, "alice", "bob", "EUR", 1)
    early = network.prepare("alice", body, min_time_ms=now_ms + 30_000)
    far = network.prepare("alice", body, max_time_ms=now_ms + 15 * 60_000 + 5_000)
    outputs, _ = intake.admit([early, far])
    assert get_codes(outputs) == []
    assert len(intake.queue) == 2


def test_a_closed_envelope_is_processed_and_its_twin_rejected() -> None:
    network = make_economy()
    network.apply("alice", ManageSigner(CreateSigner(get_owner("spare", identity=1))))
    intake = make_intake(network)
    transaction = network.build("alice", pay(network, "alice", "bob", "EUR", 1))
    one, twin = (network.admit(network.sign(transaction, n)) for n in ("alice", "spare"))
    intake.admit([one, twin])
    outputs = intake.note_closed(network.close(one))
    assert Processed((one.envelope_hash,)) in outputs
    assert get_codes(outputs) == [RejectionCode.DUPLICATE]
    assert len(intake.queue) == 0
    assert intake.admit([one]) == ([Processed((one.envelope_hash,))], False)
    assert intake.is_closed(one.envelope_hash)
    late, _ = intake.admit([twin])
    assert get_codes(late) == [RejectionCode.DUPLICATE]


def test_a_set_is_completed_by_an_envelope_that_the_queue_has_no_room_for() -> None:
    network = make_economy()
    sets = TransactionSets(frozenset())
    intake = Intake(network.ledger, sets, 1, is_flooding=True)
    first, second = prepare(network, 1), prepare(network, 2)
    intake.admit([first])
    message = TransactionSet(network.ledger.header_hash, (second.envelope_hash,))
    sets.add(network.ledger.header.sequence + 1, message, intake.queue)
    outputs, has_completed = intake.admit([second])
    assert get_codes(outputs) == []
    assert has_completed
    assert sets.is_complete(compute_set_hash(message.previous_header_hash, message.envelope_hashes))


def test_a_wanted_envelope_is_taken_in_though_it_was_closed() -> None:
    """Otherwise a set that wrongly names it could not be judged, only waited for."""
    network = make_economy()
    sets = TransactionSets(frozenset())
    intake = Intake(network.ledger, sets, 10, is_flooding=True)
    candidate = prepare(network)
    intake.note_closed(network.close(candidate))
    assert intake.is_known(candidate.envelope_hash)
    message = TransactionSet(network.ledger.header_hash, (candidate.envelope_hash,))
    sets.add(network.ledger.header.sequence + 1, message, intake.queue)
    assert not intake.is_known(candidate.envelope_hash)
    assert intake.admit([candidate]) == ([Processed((candidate.envelope_hash,))], True)


def test_adverts_that_come_fast_do_not_put_the_demand_off() -> None:
    network = make_economy()
    intake = make_intake(network)
    adverts = [AdvertTransactions((prepare(network, n + 1).envelope_hash,)) for n in range(3)]
    first = intake.receive_advert(ANNA, adverts[0], now_ms=0)
    assert [type(each) for each in first] == [StartTimer]
    assert intake.receive_advert(ANNA, adverts[1], now_ms=50) == []
    outputs = intake.fire_demand(100)
    demand = Message(DemandTransactions(adverts[0].envelope_hashes))
    assert outputs[0] == Send(ANNA, Lane.REPLIES, demand)
    assert [type(each) for each in outputs[1:]] == [StartTimer]
    assert len(intake.fire_demand(200)) == 1
    assert [type(e) for e in intake.receive_advert(ANNA, adverts[2], now_ms=300)] == [StartTimer]


def test_a_demand_is_answered_with_what_is_here() -> None:
    network = make_economy()
    intake = make_intake(network)
    candidate, unknown = prepare(network, 1), prepare(network, 2)
    intake.admit([candidate])
    demand = DemandTransactions((unknown.envelope_hash, candidate.envelope_hash))
    reply = Message(Transactions((candidate.envelope,)))
    assert intake.receive_demand(ANNA, demand) == [Send(ANNA, Lane.REPLIES, reply)]
    assert intake.receive_demand(ANNA, DemandTransactions((unknown.envelope_hash,))) == []
