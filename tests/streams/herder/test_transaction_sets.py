"""Sets by their hashes: what is here, what is missing, whom to ask, when to give up."""

from schemas.generated.common import Hash, PublicKey
from schemas.generated.overlay import DemandTransactions, SetRequest, TransactionSet
from streams.herder.queue import TransactionQueue
from streams.herder.transaction_sets import ROUNDS_MAX, TransactionSets
from streams.ledger.admission import Candidate
from streams.ledger.hashes import ZERO_HASH, compute_set_hash
from tests.support.network import Network, make_economy, pay

SLOT = 6
ANNA, BEN, CLEO = PublicKey(b"a" * 32), PublicKey(b"b" * 32), PublicKey(b"c" * 32)
OTHERS = frozenset((ANNA, BEN, CLEO))


def prepare(network: Network, count: int) -> list[Candidate]:
    made = [
        network.prepare("alice", pay(network, "alice", "bob", "EUR", n + 1)) for n in range(count)
    ]
    return sorted(made, key=lambda each: each.envelope_hash)


def make_message(network: Network, candidates: list[Candidate]) -> TransactionSet:
    hashes = tuple(each.envelope_hash for each in candidates)
    return TransactionSet(network.ledger.header_hash, hashes)


def get_set_hash(message: TransactionSet) -> Hash:
    return compute_set_hash(message.previous_header_hash, message.envelope_hashes)


def test_the_empty_set_is_always_here() -> None:
    sets = TransactionSets(OTHERS)
    assert sets.is_complete(ZERO_HASH)
    assert sets.get_candidates(ZERO_HASH) == {}
    assert not sets.pursue(SLOT, ZERO_HASH, ANNA)


def test_a_set_is_whole_once_its_last_envelope_has_come() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    known, *others = prepare(network, 3)
    queue.add(known)
    message = make_message(network, [known, *others])
    made = sets.add(SLOT, message, queue)
    assert made is not None
    assert made.missing == {each.envelope_hash for each in others}
    set_hash = get_set_hash(message)
    assert not sets.is_complete(set_hash)
    assert sets.is_wanted(others[0].envelope_hash)
    assert not sets.add_candidate(others[0])
    assert not sets.is_wanted(others[0].envelope_hash)
    assert sets.add_candidate(others[1])
    assert sets.is_complete(set_hash)
    assert sets.get_fault(set_hash, network.ledger, network.ledger.header.close_time_ms + 1) is None
    assert sets.find_candidate(others[1].envelope_hash) is others[1]


def test_an_envelope_that_another_set_has_is_not_missing() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    candidates = prepare(network, 2)
    for each in candidates:
        queue.add(each)
    sets.add(SLOT, make_message(network, candidates), queue)
    made = sets.add(SLOT, make_message(network, candidates[:1]), TransactionQueue(100))
    assert made is not None
    assert not made.missing


def test_hashes_that_are_not_ascending_are_no_set() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    one, other = prepare(network, 2)
    for wrong in ([], [other, one], [one, one]):
        assert sets.add(SLOT, make_message(network, wrong), queue) is None


def test_whoever_spoke_of_a_set_is_asked_in_turn_until_it_is_here() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    candidates = prepare(network, 2)
    message = make_message(network, candidates)
    set_hash = get_set_hash(message)
    assert sets.pursue(SLOT, set_hash, ANNA)
    assert not sets.pursue(SLOT, set_hash, BEN)
    asked = [sets.ask_again(SLOT)[0] for _ in range(4)]
    assert {peer for peer, _ in asked} == {ANNA, BEN}
    assert {type(question.body) for _, question in asked} == {SetRequest}
    sets.add(SLOT, message, queue)
    [(_, question)] = sets.ask_again(SLOT)
    assert question.body == DemandTransactions(message.envelope_hashes)
    for each in candidates:
        sets.add_candidate(each)
    assert sets.ask_again(SLOT) == []


def test_a_set_nobody_spoke_of_is_asked_of_everybody() -> None:
    """After a restart only the node's own statement may name it."""
    sets = TransactionSets(OTHERS)
    sets.pursue(SLOT, Hash(b"\x01" * 32), None)
    [(peer, _)] = sets.ask_again(SLOT)
    assert peer is None
    assert sets.ask_again(SLOT + 1) == []


def test_a_set_asked_for_in_vain_is_given_up_until_it_comes() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    [candidate] = prepare(network, 1)
    queue.add(candidate)
    message = make_message(network, [candidate])
    set_hash = get_set_hash(message)
    sets.pursue(SLOT, set_hash, ANNA)
    for round_number in range(1, ROUNDS_MAX + 1):
        assert set_hash not in sets.given_up, round_number
        sets.ask_again(SLOT)
    assert set_hash in sets.given_up
    assert sets.ask_again(SLOT) != []  # it may have been decided: asking goes on
    sets.add(SLOT, message, queue)
    assert set_hash not in sets.given_up


def test_a_set_that_nobody_has_is_given_up_until_it_comes() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    [candidate] = prepare(network, 1)
    message = make_message(network, [candidate])
    set_hash = get_set_hash(message)
    sets.pursue(SLOT, set_hash, ANNA)
    for peer in sorted(OTHERS):
        assert set_hash not in sets.given_up
        sets.note_unknown(set_hash, peer)
    assert set_hash in sets.given_up
    sets.add(SLOT, message, queue)
    [(_, question)] = sets.ask_again(SLOT)
    assert question.body == DemandTransactions(message.envelope_hashes)
    sets.add_candidate(candidate)
    assert set_hash not in sets.given_up


def test_who_lacked_a_set_says_nothing_of_the_envelopes_it_is_made_of() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    message = make_message(network, prepare(network, 1))
    set_hash = get_set_hash(message)
    sets.pursue(SLOT, set_hash, ANNA)
    sets.add(SLOT, message, queue)
    for peer in OTHERS:
        assert sets.note_unknown(set_hash, peer) == []
    assert sets.given_up == set()


def test_a_set_is_judged_anew_by_the_next_ledger() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    [candidate] = prepare(network, 1)
    queue.add(candidate)
    message = make_message(network, [candidate])
    set_hash = get_set_hash(message)
    sets.add(SLOT, message, queue)
    at_ms = network.ledger.header.close_time_ms + 1
    other = make_economy()
    other.close()
    fault = sets.get_fault(set_hash, other.ledger, at_ms)
    assert fault == "it builds on another ledger"
    assert sets.get_fault(set_hash, network.ledger, at_ms) is None


def test_what_is_past_is_forgotten() -> None:
    network, sets, queue = make_economy(), TransactionSets(OTHERS), TransactionQueue(100)
    [candidate] = prepare(network, 1)
    message = make_message(network, [candidate])
    sets.add(SLOT, message, queue)
    sets.pursue(SLOT, get_set_hash(message), ANNA)
    sets.pursue(SLOT, Hash(b"\x01" * 32), ANNA)
    sets.purge(SLOT + 1)
    assert sets.get(get_set_hash(message)) is None
    assert not sets.is_wanted(candidate.envelope_hash)
    assert sets.ask_again(SLOT) == []


def test_a_set_named_in_two_slots_is_asked_for_and_given_up_in_both() -> None:
    """Else who names a set that does not exist twice would keep the later slot open for ever."""
    sets, nowhere = TransactionSets(OTHERS), Hash(b"n" * 32)
    assert sets.pursue(SLOT, nowhere, ANNA)
    assert not sets.pursue(SLOT + 1, nowhere, ANNA)
    assert len(sets.ask_again(SLOT)) == 1
    for _ in range(ROUNDS_MAX):
        assert len(sets.ask_again(SLOT + 1)) == 1
    assert nowhere in sets.given_up
    sets.purge(SLOT + 1)
    assert len(sets.ask_again(SLOT + 1)) == 1
    sets.purge(SLOT + 2)
    assert sets.given_up == set()
