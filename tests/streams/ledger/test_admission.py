"""What holds of an envelope before any ledger is asked."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.generated.common import Hash, Signature
from schemas.generated.events import RejectionCode
from schemas.generated.transactions import DecoratedSignature, TransactionEnvelope
from streams.ledger.admission import RejectionReason, validate_envelope
from streams.ledger.hashes import compute_hash, compute_transaction_hash
from tests.support.network import get_public_key, make_economy, pay

NETWORK = make_economy()
GOOD = NETWORK.build("alice", pay(NETWORK, "alice", "bob", "EUR", 1))


def judge(envelope: bytes) -> RejectionCode | None:
    opened = validate_envelope(envelope, NETWORK.network_id)
    return opened.code if isinstance(opened, RejectionReason) else None


def with_signers(*names: str) -> bytes:
    signatures = tuple(DecoratedSignature(get_public_key(n), Signature(bytes(64))) for n in names)
    return encode(TransactionEnvelope(encode(GOOD), signatures))


def test_a_good_envelope_becomes_a_candidate() -> None:
    envelope = NETWORK.sign(GOOD, "alice")
    candidate = validate_envelope(envelope, NETWORK.network_id)
    assert not isinstance(candidate, RejectionReason)
    assert candidate.envelope_hash == compute_hash(envelope)
    raw = decode(TransactionEnvelope, envelope).transaction
    assert candidate.transaction_hash == compute_transaction_hash(NETWORK.network_id, raw)
    assert candidate.signers == (get_public_key("alice"),)


def test_a_second_envelope_has_another_name_and_the_same_transaction() -> None:
    one, other = (
        validate_envelope(NETWORK.sign(GOOD, *names), NETWORK.network_id)
        for names in (("alice",), ("alice", "bob"))
    )
    assert not isinstance(one, RejectionReason)
    assert not isinstance(other, RejectionReason)
    assert one.transaction_hash == other.transaction_hash
    assert one.envelope_hash != other.envelope_hash


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"network_id": Hash(bytes(32))}, RejectionCode.WRONG_NETWORK),
        ({"operations": ()}, RejectionCode.MISSING_OPERATION),
        ({"min_time_ms": 2, "max_time_ms": 1}, RejectionCode.BAD_TIME_BOUNDS),
    ],
    ids=str,
)
def test_what_can_never_be_valid_is_refused(
    changes: dict[str, Any], expected: RejectionCode
) -> None:
    envelope = NETWORK.sign(replace(GOOD, **changes), "alice")
    opened = validate_envelope(envelope, NETWORK.network_id)
    assert isinstance(opened, RejectionReason)
    assert opened.code is expected
    assert opened.transaction_hash is not None


@pytest.mark.parametrize(
    "envelope",
    [
        b"",
        b"\xff" * 100,
        NETWORK.sign(GOOD, "alice") + b"\x00",
        NETWORK.sign(GOOD, "alice")[:-1],
        encode(TransactionEnvelope(encode(GOOD) + b"\x00", ())),
        bytes(1_000_000),
        with_signers("alice", "alice"),
    ],
    ids=["empty", "noise", "longer", "shorter", "longer within", "too long", "a signer twice"],
)
def test_what_cannot_be_read_is_malformed(envelope: bytes) -> None:
    assert judge(envelope) is RejectionCode.MALFORMED


def test_signers_stand_in_ascending_order() -> None:
    names = sorted(("alice", "bob"), key=get_public_key)
    assert judge(with_signers(*names)) is None
    assert judge(with_signers(*reversed(names))) is RejectionCode.MALFORMED
