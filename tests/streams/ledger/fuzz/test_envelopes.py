"""Whatever bytes are submitted, a node answers with a typed refusal or applies them as a whole.

The target is what a node does with an envelope except verifying its signatures, so that changed
bytes get as far as the operations.
"""

from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.codec import decode
from schemas.contract import OPERATIONS
from schemas.generated.transactions import (
    Transaction,
    TransactionCode,
    TransactionEnvelope,
)
from streams.ledger.admission import RejectionReason, validate_envelope
from streams.ledger.membership import compute_rejection
from streams.ledger.simulation import simulate_transaction
from tests.streams.ledger.fuzz.corpus import Seed, read_corpus
from tests.support.network import Network

SEEDS = read_corpus()
CHANGES = ("flip", "drop", "repeat", "put", "splice")
BYTES = (0x00, 0x01, 0x7F, 0x80, 0xFF)

changes = st.lists(
    st.tuples(
        st.sampled_from(CHANGES), st.integers(0, 4_095), st.integers(0, 7), st.sampled_from(BYTES)
    ),
    min_size=1,
    max_size=4,
)


@cache
def get_network(seed: Seed) -> Network:
    return seed.make_network()


def change(data: bytes, kind: str, at: int, size: int, value: int) -> bytes:
    at %= len(data) + 1
    match kind:
        case "flip":
            return (
                data[:at] + bytes(each ^ (1 << size) for each in data[at : at + 1]) + data[at + 1 :]
            )
        case "drop":
            return data[:at] + data[at + size + 1 :]
        case "repeat":
            return data[: at + size + 1] + data[at:]
        case "put":
            return data[:at] + bytes([value]) * size + data[at + size :]
        case _:
            return data[:at] + SEEDS[value % len(SEEDS)].envelope[at:]


def submit(network: Network, envelope: bytes) -> Any:
    """The code of the refusal, or of the result. Raises what no node may raise."""
    ledger = network.ledger
    candidate = validate_envelope(envelope, ledger.header.network_id)
    if isinstance(candidate, RejectionReason):
        return candidate.code
    close_time_ms = ledger.header.close_time_ms + 1_000
    rejection = compute_rejection(ledger.state, ledger.window, candidate, close_time_ms)
    if rejection is not None:
        return rejection.code
    before = dict(ledger.state.encoded)
    simulated = simulate_transaction(ledger, candidate, close_time_ms)
    assert simulated.defect is None, simulated.defect
    assert ledger.state.encoded == before
    return simulated.result.code


def test_the_corpus_holds_every_operation() -> None:
    """Otherwise: python -m tests.streams.ledger.fuzz.corpus."""
    found = {each.operation for each in SEEDS}
    assert found == {row.stem for row in OPERATIONS}
    for seed in SEEDS:
        decode(Transaction, decode(TransactionEnvelope, seed.envelope).transaction)
        assert submit(get_network(seed), seed.envelope) is TransactionCode.SUCCESS, seed.operation


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(SEEDS), changes)
def test_changed_envelopes_are_refused_or_applied(
    seed: Seed, wanted: list[tuple[str, int, int, int]]
) -> None:
    envelope = seed.envelope
    for kind, at, size, value in wanted:
        envelope = change(envelope, kind, at, size, value)
    submit(get_network(seed), envelope)


@pytest.mark.slow
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=2_000))
def test_any_bytes_are_refused(envelope: bytes) -> None:
    assert isinstance(
        validate_envelope(envelope, get_network(SEEDS[0]).network_id), RejectionReason
    )
