"""Lanes: bounds, order, priorities, and the way back from chunks to messages."""

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.herder.lanes import Lane
from streams.node.overlay.interface import PeerError, Reason
from streams.node.overlay.queues import CHUNK_BYTES, MESSAGE_COST, Reassembly, SendQueue

AMPLE = (1 << 30,) * 4
EDGES = (0, 1, 4, CHUNK_BYTES - 5, CHUNK_BYTES - 4, CHUNK_BYTES - 3, CHUNK_BYTES, 200_000)
PAYLOADS = st.builds(
    lambda size, byte: bytes([byte]) * size,
    st.sampled_from(EDGES) | st.integers(0, 3 * CHUNK_BYTES),
    st.integers(0, 255),
)
# A message to put in, or None to take a record out.
STEPS = st.lists(st.none() | st.tuples(st.sampled_from(Lane), PAYLOADS), max_size=30)


@given(STEPS)
def test_each_lane_arrives_whole_and_in_order(steps: list[tuple[Lane, bytes] | None]) -> None:
    queue, reassembly = SendQueue(AMPLE), Reassembly(1 << 20)
    arrived: dict[int, list[bytes]] = {lane: [] for lane in Lane}
    completed_total = 0

    def move() -> bool:
        nonlocal completed_total
        taken = queue.take()
        if taken is None:
            return False
        content, completed = taken
        assert 1 < len(content) <= 1 + CHUNK_BYTES
        messages = reassembly.feed(content)
        assert len(messages) == completed
        completed_total += completed
        arrived[content[0]] += messages
        return True

    for step in steps:
        if step is None:
            move()
        else:
            assert queue.put(*step) == 0
    while move():
        pass
    assert queue.get_bytes_waiting() == 0
    assert not reassembly.has_partial()
    for lane in Lane:
        assert arrived[lane] == [s[1] for s in steps if s is not None and s[0] is lane]
    assert completed_total == sum(step is not None for step in steps)


def test_a_statement_overtakes_what_is_left_of_a_large_reply() -> None:
    queue = SendQueue(AMPLE)
    queue.put(Lane.ADVERTS, b"advert")
    queue.put(Lane.REPLIES, bytes(5 * CHUNK_BYTES))
    order = []
    for step in range(9):
        if step == 2:
            queue.put(Lane.SCP, b"statement")
        taken = queue.take()
        order.append(taken and Lane(taken[0][0]))
    replies = [Lane.REPLIES] * 6
    assert order == [*replies[:2], Lane.SCP, *replies[2:], Lane.ADVERTS, None]


def test_small_messages_share_a_record() -> None:
    queue = SendQueue(AMPLE)
    for _ in range(1000):
        queue.put(Lane.TRANSACTIONS, bytes(60))
    taken = queue.take()
    assert taken is not None
    assert taken[1] == 1000
    assert queue.take() is None


def test_a_full_lane_drops_its_oldest_and_no_others() -> None:
    room = 10 * (100 + MESSAGE_COST)
    queue = SendQueue((room,) * 4)
    queue.put(Lane.SCP, b"statement")
    dropped = [queue.put(Lane.TRANSACTIONS, bytes([i]) * 100) for i in range(25)]
    assert dropped == [0] * 10 + [1] * 15
    assert queue.get_bytes_waiting() <= room + len(b"statement") + MESSAGE_COST
    reassembly, left = Reassembly(1000), list[bytes]()
    while taken := queue.take():
        left += reassembly.feed(taken[0])
    assert left == [b"statement", *(bytes([i]) * 100 for i in range(15, 25))]


@given(st.lists(st.tuples(st.sampled_from(Lane), st.integers(0, 3000)), max_size=60))
def test_what_waits_is_bounded(puts: list[tuple[Lane, int]]) -> None:
    bounds = (4000, 3000, 2000, 1000)
    queue = SendQueue(bounds)
    for lane, size in puts:
        queue.put(lane, bytes(size))
        # A message above the bound may wait, alone.
        assert queue.get_bytes_waiting() <= sum(max(b, 3000 + MESSAGE_COST) for b in bounds)


def test_what_has_begun_to_leave_is_not_dropped() -> None:
    queue, reassembly = SendQueue((100,) * 4), Reassembly(1 << 20)
    large = b"x" * (2 * CHUNK_BYTES)
    queue.put(Lane.REPLIES, large)
    messages = []
    for _ in range(4):
        taken = queue.take()
        assert taken is not None
        messages += reassembly.feed(taken[0])
        queue.put(Lane.REPLIES, bytes(90))
    assert messages == [large, bytes(90), bytes(90)]


def test_a_length_above_the_limit_is_refused_before_anything_is_kept() -> None:
    reassembly = Reassembly(1000)
    assert reassembly.feed(b"\0" + (1000).to_bytes(4, "big")) == []
    for length in (1001, 1 << 31, (1 << 32) - 1):
        tracemalloc.start()
        with pytest.raises(PeerError, match="at most 1000") as caught:
            Reassembly(1000).feed(b"\0" + length.to_bytes(4, "big"))
        assert tracemalloc.get_traced_memory()[1] < 100_000
        tracemalloc.stop()
        assert caught.value.reason is Reason.OVERSIZED


@pytest.mark.parametrize("content", [b"\0", b"\4\0\0\0\0", b"\xff\0\0\0\0"])
def test_content_without_a_lane_is_refused(content: bytes) -> None:
    with pytest.raises(PeerError) as caught:
        Reassembly(1000).feed(content)
    assert caught.value.reason is Reason.MALFORMED


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=20))
def test_any_content_gives_messages_or_a_named_refusal(contents: list[bytes]) -> None:
    reassembly = Reassembly(300)
    with suppress(PeerError):
        for content in contents:
            assert all(len(message) <= 300 for message in reassembly.feed(content))
