"""Every row of the audit log that is changed, moved or taken out is found."""

import pytest

from gateways.keychain.audit import (
    START,
    AuditBroken,
    Head,
    Row,
    compute_row_hash,
    verify_chain,
)

BEGINNING = Head(0, START)


def make_rows(count: int) -> list[Row]:
    rows: list[Row] = []
    before = START
    for number in range(1, count + 1):
        content = f'{{"action":"release","number":{number}}}'
        before = compute_row_hash(before, number, content)
        rows.append(Row(number, content, before))
    return rows


ROWS = make_rows(12)


def test_a_whole_chain_has_the_newest_row_as_its_head() -> None:
    assert verify_chain(BEGINNING, ROWS) == Head(12, ROWS[-1].hash)
    half = verify_chain(BEGINNING, ROWS[:6])
    assert verify_chain(half, ROWS[6:]) == Head(12, ROWS[-1].hash)


@pytest.mark.parametrize("at", range(12))
def test_a_changed_row_is_found(at: int) -> None:
    row = ROWS[at]
    for other in (
        Row(row.number, row.content.replace("release", "create"), row.hash),
        Row(row.number, row.content, bytes(32)),
        Row(row.number + 1, row.content, row.hash),
    ):
        with pytest.raises(AuditBroken):
            verify_chain(BEGINNING, [*ROWS[:at], other, *ROWS[at + 1 :]])


@pytest.mark.parametrize("at", range(11))
def test_a_row_that_is_gone_or_moved_is_found(at: int) -> None:
    with pytest.raises(AuditBroken):
        verify_chain(BEGINNING, [*ROWS[:at], *ROWS[at + 1 :]])
    with pytest.raises(AuditBroken):
        verify_chain(BEGINNING, [*ROWS[:at], ROWS[at + 1], ROWS[at], *ROWS[at + 2 :]])


def test_a_log_that_was_written_again_has_another_head() -> None:
    """With correct hashes: only who has kept a head can tell."""
    again = make_rows(11)
    assert verify_chain(BEGINNING, again) != Head(12, ROWS[-1].hash)
    assert verify_chain(Head(12, ROWS[-1].hash), []) == Head(12, ROWS[-1].hash)
