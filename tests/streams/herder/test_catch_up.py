"""Who is ahead, and closing certified ledgers again."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import Nominate, Statement
from schemas.generated.ledger import Certificate
from streams.herder.catch_up import CatchUp, close_again
from streams.herder.outputs import Output, ReadArchive, Send
from streams.ledger.chain import ForgedLedger
from streams.ledger.errors import InvariantViolation
from streams.ledger.genesis import open_genesis
from tests.streams.ledger.operations.cases import put
from tests.support.network import make_economy

ANNA, BEN = PublicKey(b"a" * 32), PublicKey(b"b" * 32)


def say(catch_up: CatchUp, node: PublicKey, slot: int) -> None:
    catch_up.note(node, Statement(node, slot, Nominate(Hash(bytes(32)), (), ())))


def get_peer(outputs: list[Output]) -> PublicKey:
    """Who is asked for the next ledger."""
    (peer,) = [each.peer for each in outputs if isinstance(each, Send)]
    return peer


def test_those_two_slots_ahead_are_asked_in_turn() -> None:
    catch_up = CatchUp()
    say(catch_up, ANNA, 11)
    assert catch_up.ask(10) == []
    assert get_peer(catch_up.ask(10, is_late=True)) == ANNA
    assert catch_up.ask(10, is_late=True) == []  # one question at a time
    say(catch_up, ANNA, 12)
    say(catch_up, BEN, 15)
    say(catch_up, BEN, 3)
    assert {get_peer(catch_up.fire(10)), get_peer(catch_up.fire(10))} == {ANNA, BEN}
    assert catch_up.get_slots_behind(10) == 5
    catch_up.forget(BEN)
    assert get_peer(catch_up.fire(10)) == ANNA
    assert catch_up.get_slots_behind(10) == 2


def test_where_no_peer_has_the_next_ledger_any_more_archives_are_read() -> None:
    catch_up = CatchUp()
    say(catch_up, ANNA, 100)
    say(catch_up, BEN, 100)
    catch_up.note_archived(ANNA, 50)
    assert get_peer(catch_up.ask(10)) == BEN
    catch_up.note_archived(BEN, 40)
    assert get_targets(catch_up.fire(10)) == [39]
    assert get_targets(catch_up.fire(20)) == [39]  # said again
    assert get_peer(catch_up.fire(40)) == BEN
    catch_up.forget(BEN)  # it may have other ledgers when it comes back
    say(catch_up, BEN, 100)
    assert get_peer(catch_up.fire(10)) == BEN


def get_targets(outputs: list[Output]) -> list[int]:
    return [each.last for each in outputs if isinstance(each, ReadArchive)]


def test_a_chain_is_closed_again_to_the_same_state() -> None:
    network = make_economy()
    ledger = open_genesis(network.genesis).ledger
    quorum_set = ledger.state.get_validators().quorum_set
    for record in network.records[1:]:
        assert close_again(ledger, quorum_set, record).body == record.body
    assert ledger.header == network.ledger.header
    assert ledger.state.encoded == network.ledger.state.encoded
    assert ledger.window.compute_root() == network.ledger.window.compute_root()


def test_a_false_record_changes_nothing() -> None:
    network = make_economy()
    ledger = open_genesis(network.genesis).ledger
    quorum_set = ledger.state.get_validators().quorum_set
    before = dict(ledger.state.encoded)
    with pytest.raises(ForgedLedger):
        close_again(ledger, quorum_set, replace(network.records[1], certificate=Certificate(())))
    with pytest.raises(ForgedLedger):
        close_again(ledger, quorum_set, network.records[2])
    assert ledger.header.sequence == 1
    assert ledger.state.encoded == before


def test_a_true_record_that_comes_out_differently_stops_the_node() -> None:
    network = make_economy()
    records = list(network.records)
    network.ledger = open_genesis(network.genesis).ledger
    counters = network.ledger.state.get_counters()
    put(network, replace(counters, account=counters.account + 1))
    quorum_set = network.ledger.state.get_validators().quorum_set
    with pytest.raises(InvariantViolation, match="the network certified"):
        close_again(network.ledger, quorum_set, records[1])
