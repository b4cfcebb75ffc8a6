"""The queue: bounded, fair among sources, never two envelopes of one transaction in a set."""

from msgspec.structs import replace

from schemas.generated.events import RejectionCode
from schemas.generated.operations import CreateSigner, ManageSigner
from streams.herder.queue import Choice, TransactionQueue
from streams.ledger.admission import Candidate
from tests.streams.ledger.operations.cases import put
from tests.support.network import Network, get_account, get_owner, make_economy, pay

NEXT_MS = 1_000


def prepare(network: Network, source: str, count: int) -> list[Candidate]:
    payee = "bob" if source == "alice" else "alice"
    return [
        network.prepare(source, pay(network, source, payee, "EUR", n + 1)) for n in range(count)
    ]


def choose(queue: TransactionQueue, network: Network) -> Choice:
    return queue.choose(network.ledger, network.ledger.header.close_time_ms + NEXT_MS)


def fill(
    network: Network, *candidates: Candidate, transactions_max: int = 1_000
) -> TransactionQueue:
    queue = TransactionQueue(transactions_max)
    for candidate in candidates:
        assert queue.add(candidate) is None
    return queue


def get_sources(choice: Choice) -> list[bytes]:
    return [each.transaction.source_account for each in choice.candidates]


def test_it_takes_turns_among_sources() -> None:
    network = make_economy()
    queue = fill(network, *prepare(network, "alice", 10), *prepare(network, "bob", 2))
    settings = network.ledger.state.get_network_settings()
    put(network, replace(settings, max_set_transactions=4))
    alice, bob = get_account("alice"), get_account("bob")
    assert get_sources(choose(queue, network)) == [alice, bob, alice, bob]


def test_who_came_first_comes_last_the_next_time() -> None:
    network = make_economy()
    queue = fill(network, *prepare(network, "alice", 2), *prepare(network, "bob", 2))
    settings = network.ledger.state.get_network_settings()
    put(network, replace(settings, max_set_transactions=1))
    first = get_sources(choose(queue, network))
    assert get_sources(choose(queue, network)) != first


def test_output_bytes_bound_a_set_and_smaller_ones_go_in_between() -> None:
    network = make_economy()
    [small] = prepare(network, "alice", 1)
    bodies = [pay(network, "bob", "alice", "EUR", 1) for _ in range(5)]
    large = network.prepare("bob", *bodies)
    settings = network.ledger.state.get_network_settings()
    put(network, replace(settings, max_set_output_bytes=large.output_bytes))
    assert choose(fill(network, small, large), network).candidates == [small]
    assert choose(fill(network, large), network).candidates == [large]


def test_of_one_transaction_one_envelope_is_chosen_and_all_are_forgotten() -> None:
    network = make_economy()
    network.apply("alice", ManageSigner(CreateSigner(get_owner("spare", identity=1))))
    transaction = network.build("alice", pay(network, "alice", "bob", "EUR", 1))
    twins = [network.admit(network.sign(transaction, name)) for name in ("alice", "spare")]
    queue = fill(network, *twins)
    assert choose(queue, network).candidates == twins[:1]
    assert queue.remove_transaction(twins[0].transaction_hash) == twins
    assert len(queue) == 0
    assert queue.remove_transaction(twins[0].transaction_hash) == []


def test_what_became_invalid_is_dropped_and_what_is_early_waits() -> None:
    network = make_economy()
    now_ms = network.ledger.header.close_time_ms
    body = pay(network, "alice", "bob", "EUR", 1)
    late = network.prepare("alice", body, max_time_ms=now_ms + NEXT_MS - 1)
    early = network.prepare("alice", body, min_time_ms=now_ms + NEXT_MS + 1)
    good = network.prepare("alice", body)
    queue = fill(network, late, early, good)
    choice = choose(queue, network)
    assert choice.candidates == [good]
    assert [(c, r.code) for c, r in choice.rejected] == [(late, RejectionCode.TOO_LATE)]
    assert queue.get(late.envelope_hash) is None
    assert queue.get(early.envelope_hash) is early


def test_it_is_bounded_as_a_whole_and_for_each_source() -> None:
    network = make_economy()
    queue = TransactionQueue(8)
    codes = [queue.add(each) for each in prepare(network, "alice", 3)]
    assert [r and r.code for r in codes] == [None, None, RejectionCode.SOURCE_OVER_SHARE]
    for name in ("bob", "issuer", "master", "x"):
        for each in prepare(network, name, 2):
            rejection = queue.add(each)
    assert rejection is not None
    assert rejection.code is RejectionCode.QUEUE_FULL
    assert len(queue) == 8
    [wanted] = prepare(network, "alice", 1)
    assert queue.add(wanted, is_wanted=True) is None
    assert len(queue) == 9


def test_refused_sources_leave_no_trace() -> None:
    """Strangers must not fill memory while the queue is full."""
    network = make_economy()
    queue = TransactionQueue(1)
    [first] = prepare(network, "alice", 1)
    assert queue.add(first) is None
    for number in range(5):
        [stranger] = prepare(network, f"stranger {number}", 1)
        assert queue.add(stranger) is not None
    assert list(queue._by_source) == [get_account("alice")]
