"""Adverts and demands."""

from schemas.generated.common import Hash, PublicKey
from streams.herder.flood import DEMAND_DELAY_MS, PER_MESSAGE_MAX, WANTED_MAX, Flood

ANNA, BEN = PublicKey(b"a" * 32), PublicKey(b"b" * 32)


def get_hash(number: int) -> Hash:
    return Hash(number.to_bytes(32, "big"))


def test_adverts_are_told_once_in_messages_of_bounded_size() -> None:
    flood = Flood()
    for number in range(PER_MESSAGE_MAX + 1):
        flood.advertise(get_hash(number))
    assert [len(each) for each in flood.take_adverts()] == [PER_MESSAGE_MAX, 1]
    assert flood.take_adverts() == []


def test_what_stays_unseen_is_demanded_once_of_whom_told_first() -> None:
    flood = Flood()
    flood.want(get_hash(1), ANNA, 1_000)
    flood.want(get_hash(1), BEN, 1_000)
    flood.want(get_hash(2), BEN, 1_050)
    assert flood.take_demands(1_000 + DEMAND_DELAY_MS - 1) == []
    assert flood.take_demands(1_000 + DEMAND_DELAY_MS) == [(ANNA, (get_hash(1),))]
    assert flood.is_waiting
    assert flood.take_demands(1_050 + DEMAND_DELAY_MS) == [(BEN, (get_hash(2),))]
    assert not flood.is_waiting


def test_what_came_by_itself_is_not_demanded() -> None:
    flood = Flood()
    flood.want(get_hash(1), ANNA, 0)
    flood.forget(get_hash(1))
    assert not flood.is_waiting
    assert flood.take_demands(1_000_000) == []


def test_a_flood_of_adverts_is_bounded() -> None:
    flood = Flood()
    for number in range(WANTED_MAX + 10):
        flood.want(get_hash(number), ANNA, 0)
    demanded = [each for _, hashes in flood.take_demands(DEMAND_DELAY_MS) for each in hashes]
    assert len(demanded) == WANTED_MAX
