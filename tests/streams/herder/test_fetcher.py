"""Sets are asked for at once, and again until they are here; one timer for each slot."""

from schemas.codec import encode
from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import Nominate, ScpValue, Statement
from schemas.generated.overlay import Message, SetRequest
from streams.herder.fetcher import AGAIN_MS, FIRST_MS, Fetcher
from streams.herder.lanes import Lane
from streams.herder.outputs import Broadcast, Send, StartTimer, Timer, TimerName
from streams.herder.transaction_sets import CHASED_MAX, TransactionSets
from streams.ledger.hashes import ZERO_HASH

SLOT = 6
ANNA, BEN, CLEO = PublicKey(b"a" * 32), PublicKey(b"b" * 32), PublicKey(b"c" * 32)
OTHERS = frozenset((ANNA, BEN, CLEO))
ONE, TWO = Hash(b"\x01" * 32), Hash(b"\x02" * 32)
TIMER = Timer(TimerName.FETCH, SLOT)


def nominate(*set_hashes: Hash, slot: int = SLOT) -> Statement:
    values = sorted(encode(ScpValue(ZERO_HASH, each, 1, ())) for each in set_hashes)
    return Statement(ANNA, slot, Nominate(ZERO_HASH, tuple(values), ()))


def ask(peer: PublicKey, set_hash: Hash) -> Send:
    return Send(peer, Lane.REPLIES, Message(SetRequest(set_hash)))


def test_who_speaks_of_a_set_is_asked_for_it_once() -> None:
    fetcher = Fetcher(TransactionSets(OTHERS))
    assert fetcher.want(SLOT, nominate(ONE), ANNA) == [ask(ANNA, ONE), StartTimer(TIMER, FIRST_MS)]
    assert fetcher.want(SLOT, nominate(ONE), BEN) == []
    assert fetcher.want(SLOT, nominate(ONE, TWO), BEN) == [ask(BEN, TWO)]


def test_only_sets_of_the_open_slot_and_the_next_are_wanted() -> None:
    fetcher = Fetcher(TransactionSets(OTHERS))
    assert fetcher.want(SLOT, nominate(ONE, slot=SLOT - 1), ANNA) == []
    assert fetcher.want(SLOT, nominate(ONE, slot=SLOT + 2), ANNA) == []
    assert fetcher.want(SLOT, nominate(ONE, slot=SLOT + 1), ANNA) != []
    assert fetcher.want(SLOT, nominate(ZERO_HASH), ANNA) == []


def test_a_request_that_was_lost_is_made_again() -> None:
    fetcher = Fetcher(TransactionSets(OTHERS))
    fetcher.want(SLOT, nominate(ONE), ANNA)
    for _ in range(20):
        assert fetcher.fire(SLOT, SLOT) == [ask(ANNA, ONE), StartTimer(TIMER, AGAIN_MS)]


def test_nobody_in_particular_is_asked_for_what_only_we_spoke_of() -> None:
    fetcher = Fetcher(TransactionSets(OTHERS))
    assert fetcher.want(SLOT, nominate(ONE), None) == [StartTimer(TIMER, FIRST_MS)]
    request = Broadcast(Lane.REPLIES, Message(SetRequest(ONE)))
    assert fetcher.fire(SLOT, SLOT) == [request, StartTimer(TIMER, AGAIN_MS)]


def test_who_lacks_a_set_is_passed_over_and_then_everybody_is_asked_at_once() -> None:
    """Nobody but the members of the quorum set may end the asking, and each of them counts once."""
    sets = TransactionSets(OTHERS)
    fetcher = Fetcher(sets)
    fetcher.want(SLOT, nominate(ONE), ANNA)
    fetcher.want(SLOT, nominate(ONE), BEN)
    everybody = Broadcast(Lane.REPLIES, Message(SetRequest(ONE)))
    assert fetcher.note_unknown(ONE, ANNA) == [ask(BEN, ONE)]
    assert fetcher.fire(SLOT, SLOT) == [ask(BEN, ONE), StartTimer(TIMER, AGAIN_MS)]
    assert fetcher.note_unknown(ONE, BEN) == [everybody]
    for nobody in (ANNA, BEN, PublicKey(b"w" * 32)):
        assert fetcher.note_unknown(ONE, nobody) == []
    assert fetcher.note_unknown(TWO, CLEO) == []  # nobody wants it
    assert sets.given_up == set()
    assert fetcher.note_unknown(ONE, CLEO) == []
    assert sets.given_up == {ONE}
    assert fetcher.fire(SLOT, SLOT) == [ask(ANNA, ONE), StartTimer(TIMER, AGAIN_MS)]


def test_sets_named_by_the_hundred_are_asked_for_one_question_each_at_a_time() -> None:
    """Else a liar's thousand, answered by all that they are not here, would keep nodes busy."""
    sets = TransactionSets(OTHERS)
    fetcher = Fetcher(sets)
    nowhere = [Hash(bytes([number]) * 32) for number in range(1, CHASED_MAX + 2)]
    fetcher.want(SLOT, nominate(*nowhere), ANNA)
    assert fetcher.note_unknown(nowhere[0], BEN) == []
    assert fetcher.note_unknown(nowhere[0], ANNA) == []
    assert fetcher.fire(SLOT, SLOT)[:-1] == [ask(ANNA, each) for each in nowhere]
    fetcher.note_unknown(nowhere[0], CLEO)
    assert sets.given_up == {nowhere[0]}


def test_asking_ends_when_the_slot_is_closed() -> None:
    fetcher = Fetcher(TransactionSets(OTHERS))
    fetcher.want(SLOT, nominate(ONE), ANNA)
    assert fetcher.fire(SLOT, SLOT + 1) == []
