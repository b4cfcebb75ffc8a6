"""The hash window: buckets by minute, restored from rows, dropped whole once passed."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.generated.common import Hash
from streams.ledger.hash_window import MINUTE_MS, HashWindow, WindowRow
from streams.ledger.hashes import ZERO_HASH, compute_hash

transactions = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 6 * MINUTE_MS)), max_size=8)


def get_hash(number: int) -> Hash:
    return compute_hash(number.to_bytes(4, "big"))


def test_a_bucket_is_dropped_when_nothing_in_it_could_be_valid() -> None:
    window = HashWindow()
    last_ms = 2 * MINUTE_MS - 1
    window.add_ledger([(get_hash(1), last_ms)], close_time_ms=MINUTE_MS)
    window.add_ledger([], close_time_ms=last_ms)
    assert window.has(get_hash(1), last_ms)
    window.add_ledger([], close_time_ms=last_ms + 1)
    assert not window.has(get_hash(1), last_ms)
    assert window.compute_root() == ZERO_HASH


@given(st.lists(transactions, max_size=8))
def test_rows_restore_the_same_window(ledgers: list[list[tuple[int, int]]]) -> None:
    window, rows = HashWindow(), list[WindowRow]()
    close_time_ms = 0
    for taken in ledgers:
        close_time_ms += MINUTE_MS // 2
        rows += window.add_ledger(((get_hash(n), at) for n, at in taken), close_time_ms)
    passed = close_time_ms // MINUTE_MS
    restored = HashWindow()
    restored.restore(row for row in rows if row[0] >= passed)
    assert restored.compute_root() == window.compute_root()
    for number, at in (each for taken in ledgers for each in taken):
        assert restored.has(get_hash(number), at) == window.has(get_hash(number), at)


@given(transactions)
def test_the_order_within_a_ledger_means_nothing(taken: list[tuple[int, int]]) -> None:
    one, other = HashWindow(), HashWindow()
    one.add_ledger(((get_hash(n), at) for n, at in taken), 0)
    other.add_ledger(((get_hash(n), at) for n, at in reversed(taken)), 0)
    assert one.compute_root() == other.compute_root()
