"""Where a batch that cannot be read ends is found exactly, with few tries."""

import math

from hypothesis import given
from hypothesis import strategies as st

from streams.herder.passage import Passage


def search(passage: Passage, end: int) -> list[int]:
    """The offsets that are tried for a batch that ends before `end`."""
    tried = []
    while not passage.is_done:
        tried.append(passage.target)
        if passage.target < end:
            passage.note_inside()
        else:
            passage.note_beyond()
    return tried


def test_a_single_record_is_passed_with_one_try() -> None:
    passage = Passage(7, 1_000)
    assert search(passage, 8) == [8]
    assert passage.high == 8


def test_the_last_record_of_a_partition_is_passed_without_a_try() -> None:
    passage = Passage(7, 8)
    assert passage.is_done
    assert passage.high == 8


@given(begin=st.integers(0, 1 << 40), size=st.integers(1, 1 << 20), after=st.integers(0, 1 << 20))
def test_nothing_beyond_the_batch_is_passed(begin: int, size: int, after: int) -> None:
    end = begin + size
    passage = Passage(begin, end + after)
    tried = search(passage, end)
    assert passage.high == end
    assert len(tried) <= 2 * math.log2(size + 1) + 2
    assert all(begin < each < end + after for each in tried)
