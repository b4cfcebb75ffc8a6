"""Where to read on from: never past what was not processed."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from schemas.generated.common import Hash
from streams.herder.offsets import Offsets


def get_hash(number: int) -> Hash:
    return Hash(number.to_bytes(32, "big"))


def test_the_oldest_unprocessed_envelope_holds_the_offset() -> None:
    offsets = Offsets()
    for offset in range(5, 9):
        offsets.add(0, offset, get_hash(offset))
    assert offsets.get_next() == {0: 5}
    offsets.set_processed(get_hash(6))
    assert offsets.get_next() == {0: 5}
    offsets.set_processed(get_hash(5))
    assert offsets.get_next() == {0: 7}
    offsets.set_processed(get_hash(8))
    offsets.set_processed(get_hash(7))
    assert offsets.get_next() == {0: 9}


def test_one_envelope_may_stand_in_several_places() -> None:
    offsets = Offsets()
    offsets.add(0, 0, get_hash(1))
    offsets.add(1, 4, get_hash(1))
    offsets.add(0, 1, get_hash(2))
    offsets.set_processed(get_hash(1))
    assert offsets.get_next() == {0: 1, 1: 5}


def test_what_is_of_no_use_is_passed_over() -> None:
    offsets = Offsets()
    offsets.skip(0, 3)
    assert offsets.get_next() == {0: 4}
    offsets.add(0, 4, get_hash(1))
    offsets.skip(0, 5)
    assert offsets.get_next() == {0: 4}


def test_deciding_what_was_never_read_changes_nothing() -> None:
    offsets = Offsets()
    offsets.set_processed(get_hash(1))
    assert offsets.get_next() == {}
    offsets.add(0, 0, get_hash(1))
    assert offsets.get_next() == {0: 0}


def test_what_is_decided_takes_no_room_behind_one_that_waits_for_long() -> None:
    offsets = Offsets()
    offsets.add(0, 0, get_hash(0))
    before = len(pickle.dumps(offsets))
    for number in range(1, 1_000):
        offsets.add(0, number, get_hash(number))
        offsets.set_processed(get_hash(number))
    assert offsets.get_next() == {0: 0}
    assert len(pickle.dumps(offsets)) < 2 * before


@given(st.lists(st.integers(0, 9), max_size=30), st.sets(st.integers(0, 9)))
def test_nothing_unprocessed_is_ever_left_behind(read: list[int], processed: set[int]) -> None:
    offsets = Offsets()
    for offset, number in enumerate(read):
        offsets.add(0, offset, get_hash(number))
    for number in processed:
        offsets.set_processed(get_hash(number))
    unprocessed = [offset for offset, number in enumerate(read) if number not in processed]
    expected = {0: min(unprocessed, default=len(read))} if read else {}
    assert offsets.get_next() == expected
