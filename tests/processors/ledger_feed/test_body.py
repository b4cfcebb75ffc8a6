"""Slices of a body are what decoding and encoding its parts gives."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.ledger_feed.body import cut_body
from schemas.codec import Malformed, decode, encode
from schemas.generated.ledger import EntryChange, LedgerBody
from tests.processors.economies import make_varied_network

BODIES = [record.body for record in make_varied_network().records]


def get_pairs(changes: tuple[EntryChange, ...]) -> list[tuple[bytes, bytes | None]]:
    return [(encode(c.key), None if c.after is None else encode(c.after)) for c in changes]


@pytest.mark.parametrize("body", BODIES)
def test_slices_equal_what_decoding_gives(body: bytes) -> None:
    decoded, cut = decode(LedgerBody, body), cut_body(body)
    assert cut.changes == get_pairs(decoded.changes)
    assert len(cut.transactions) == len(decoded.transactions)
    for slices, applied in zip(cut.transactions, decoded.transactions, strict=True):
        assert slices.envelope == applied.envelope
        assert slices.transaction_hash == applied.transaction_hash
        assert slices.code is applied.result.code
        assert slices.result == encode(applied.result)
        assert slices.outcomes == [encode(each) for each in applied.result.operations]
        assert slices.changes == get_pairs(applied.changes)
        assert tuple(slices.effects) == applied.effects


@pytest.mark.parametrize("body", [BODIES[0][:-1], BODIES[5][:-1], BODIES[5] + b"\0", b""])
def test_bytes_that_end_elsewhere_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        cut_body(body)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_end_in_one_error(body: bytes) -> None:
    try:
        decode(LedgerBody, body)
    except Malformed:
        with pytest.raises(Malformed):
            cut_body(body)
