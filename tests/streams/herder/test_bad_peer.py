"""A configured peer gone bad: whatever it says, this node's answers fit into messages, and what it
keeps for it is bounded.
"""

from hashlib import sha256

from schemas.codec import encode
from schemas.generated.common import Hash
from schemas.generated.consensus import Nominate, ScpValue, Statement
from schemas.generated.overlay import (
    AdvertTransactions,
    DemandTransactions,
    Message,
    SetRequest,
    Statements,
    StateRequest,
    TransactionSet,
)
from streams.herder.agreement import STATE_BYTES_MAX
from streams.herder.flood import DEMAND_DELAY_MS
from streams.herder.outputs import Alarm, Output, Timer, TimerName
from streams.node.overlay.interface import MIB
from tests.streams.herder.test_agreement import World
from tests.streams.herder.test_herder import Node, get_messages
from tests.support.network import get_public_key

BAD = "validator 1"
SLOT = 6
MESSAGE_BYTES_MAX = 16 * MIB


def make_hash(*words: object) -> Hash:
    return Hash(sha256(repr(words).encode()).digest())


def nominate(slot: int, votes: list[bytes]) -> Statements:
    world = World()
    pledges = Nominate(world.quorum_set_hash, tuple(sorted(votes)), ())
    statement = Statement(get_public_key(BAD), slot, pledges)
    return Statements((world.sign(statement, BAD),))


def get_sizes(outputs: list[Output], kind: type) -> list[int]:
    """Of the messages as they would leave; raises where one cannot be encoded."""
    return [len(encode(message)) for message in get_messages(outputs, kind)]


def test_demands_fit_into_messages_however_much_is_advertised() -> None:
    node = Node()
    for number in range(3):
        node.receive(AdvertTransactions(tuple(make_hash(number, i) for i in range(10_000))))
    demand = Timer(TimerName.DEMAND, 0)
    outputs = node.fire(demand, DEMAND_DELAY_MS)
    asked = [m.body for m in get_messages(outputs, DemandTransactions)]
    demands = [body for body in asked if isinstance(body, DemandTransactions)]
    assert sum(len(body.envelope_hashes) for body in demands) == 30_000
    assert max(get_sizes(outputs, DemandTransactions)) < MESSAGE_BYTES_MAX


def test_the_state_told_to_a_peer_fits_into_messages_and_begins_with_the_open_slot() -> None:
    """One node fills every slot that is kept with the largest statements there are."""
    node = Node()
    honest = node.speak(SLOT)
    node.receive(honest)
    for slot in range(SLOT, SLOT + 120):
        junk = [make_hash(slot, i) * (60_000 // 32) for i in range(4)]
        node.receive(nominate(slot + 1, junk))
    outputs = node.receive(StateRequest(SLOT))
    told = get_messages(outputs, Statements)
    sizes = get_sizes(outputs, Statements)
    assert max(sizes) <= MESSAGE_BYTES_MAX
    assert sum(sizes) <= STATE_BYTES_MAX + 300_000
    assert told[0].body.envelopes[0] == honest.envelopes[0]  # type: ignore[union-attr]


def test_a_set_larger_than_a_ledger_is_not_kept() -> None:
    node = Node()
    settings = node.network.ledger.state.get_network_settings()
    count = settings.max_set_transactions + 1
    hashes = tuple(sorted(make_hash(i) for i in range(count)))
    outputs = node.receive(TransactionSet(node.network.ledger.header_hash, hashes))
    assert any(isinstance(each, Alarm) and "larger than" in each.text for each in outputs)
    assert get_messages(outputs, DemandTransactions) == []
    assert not node.herder._sets.is_wanted(hashes[0])


def test_what_a_peer_passes_on_does_not_make_it_look_ahead() -> None:
    """Else one liar has every node ask honest peers for ledgers that there are not."""
    node = Node()
    node.receive(nominate(SLOT + 50, [make_hash(1)]))
    assert node.herder.catch_up.get_slots_behind(SLOT) == 50
    other = Node()
    honest = get_public_key("validator 2")
    message = Message(nominate(SLOT + 50, [make_hash(1)]))
    other.herder.receive(honest, message, other.now_ms)
    assert other.herder.catch_up.get_slots_behind(SLOT) == 0


def test_votes_that_count_for_nothing_make_no_set_wanted() -> None:
    """Only what consensus takes in is followed up: else each repeat would want a thousand sets."""
    node = Node()
    header = node.network.ledger.header

    def vote(*words: object) -> bytes:
        at_ms = header.close_time_ms + 1_000
        header_hash = node.network.ledger.header_hash
        return encode(ScpValue(header_hash, make_hash(*words), at_ms, ()))

    first = node.receive(nominate(SLOT, [vote(1, i) for i in range(10)]))
    assert len(get_messages(first, SetRequest)) == 10
    for number in range(2, 5):
        again = node.receive(nominate(SLOT, [vote(number, i) for i in range(10)]))
        assert get_messages(again, SetRequest) == []
