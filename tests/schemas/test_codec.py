"""The strict codec: one byte string per value, and nothing else is accepted."""

import io
import time
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.codec import Malformed, Unencodable, decode, encode, frame, strip_frame, unframe
from schemas.generate import FRAMED, inline, load_schemas
from schemas.generated import WRITERS
from schemas.generated.common import Amount, Fee, Hash, PublicKey, SignerData
from schemas.generated.consensus import QuorumSet
from schemas.generated.operations import U32Value
from schemas.generated.overlay import AdvertTransactions
from schemas.generated.transactions import Transaction, TransactionEnvelope
from tests.schemas.values import NAMED, get_type, get_values

CODED = sorted(name for name, schema in NAMED.items() if schema["type"] != "fixed")
EVERYTHING = st.sampled_from(CODED).flatmap(lambda name: st.tuples(st.just(name), get_values(name)))


def test_every_type_has_a_codec() -> None:
    assert {get_type(name) for name in CODED} == set(WRITERS)


@settings(max_examples=600, deadline=None)
@given(EVERYTHING)
def test_values_survive(case: tuple[str, Any]) -> None:
    name, value = case
    assert decode(get_type(name), encode(value)) == value


@settings(max_examples=300, deadline=None)
@given(EVERYTHING, st.data())
def test_only_canonical_bytes_are_read(case: tuple[str, Any], data: st.DataObject) -> None:
    """Whatever happens to the bytes: they are refused, or they are another value's own bytes."""
    name, value = case
    raw = bytearray(encode(value))
    if raw:
        at = data.draw(st.integers(0, len(raw) - 1))
        match data.draw(st.sampled_from(["flip", "insert", "delete"])):
            case "flip":
                raw[at] ^= 1 << data.draw(st.integers(0, 7))
            case "insert":
                raw.insert(at, data.draw(st.integers(0, 255)))
            case _:
                del raw[at]
    else:
        raw.append(0)
    read: Any
    try:
        read = decode(get_type(name), bytes(raw))
    except Malformed:
        return
    assert encode(read) == raw


@settings(max_examples=300, deadline=None)
@given(EVERYTHING)
def test_a_general_library_reads_and_writes_the_same_bytes(case: tuple[str, Any]) -> None:
    name, value = case
    schema = fastavro.parse_schema(inline(name, load_schemas()))
    raw = encode(value)
    read = fastavro.schemaless_reader(
        io.BytesIO(raw), schema, None, return_named_type=True, return_named_type_override=False
    )
    written = io.BytesIO()
    fastavro.schemaless_writer(written, schema, read, strict=True)
    assert written.getvalue() == raw


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(CODED))
def test_garbage_is_refused_quickly_and_by_one_error(raw: bytes, name: str) -> None:
    began = time.perf_counter()
    read: Any
    try:
        read = decode(get_type(name), raw)
    except Malformed:
        assert time.perf_counter() - began < 1
    else:
        assert encode(read) == raw


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\x80\x00", "an overlong integer"),
        (b"\xff" * 11, "an integer of more than ten bytes"),
        (b"\xff" * 9 + b"\x7f", "an integer of more than 64 bits"),
        (b"\x01", "a negative where none may be"),
        (b"", "nothing"),
        (b"\x02\x00", "one byte too many"),
    ],
)
def test_integers_have_one_form(raw: bytes, why: str) -> None:
    with pytest.raises(Malformed):
        decode(U32Value, raw)
    assert why


def test_lengths_are_checked_before_anything_is_allocated() -> None:
    huge = bytes([0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F])  # a count of some 10^12
    with pytest.raises(Malformed, match="items"):
        decode(AdvertTransactions, huge)
    with pytest.raises(Malformed, match="length"):
        decode(TransactionEnvelope, huge)


def test_nesting_is_bounded() -> None:
    node = PublicKey(bytes(32))
    nested = QuorumSet(1, (node,), ())
    for _ in range(4):
        nested = QuorumSet(1, (), (nested,))
    assert decode(QuorumSet, encode(nested)) == nested
    with pytest.raises(Unencodable, match="nested"):
        encode(QuorumSet(1, (), (nested,)))
    raw = b"\x02\x00\x02" * 5_000
    with pytest.raises(Malformed, match="nested"):
        decode(QuorumSet, raw)


@pytest.mark.parametrize(
    "value",
    [
        Fee(Amount(-1), Amount(0)),
        Fee(Amount(1 << 128), Amount(0)),
        Fee(Amount(True), Amount(0)),
        Fee(1.0, Amount(0)),  # type: ignore[arg-type]
        U32Value(1 << 32),
        AdvertTransactions((Hash(bytes(31)),)),
        AdvertTransactions(("x" * 32,)),  # type: ignore[arg-type]
        SignerData(PublicKey(bytes(32)), 0, 1001, 0, b""),
        SignerData(PublicKey(bytes(32)), 0, 1000, 0, bytes(2049)),
        SignerData(PublicKey(bytes(32)), 0, 1000, 0, "text"),  # type: ignore[arg-type]
        "not of the contract",
    ],
)
def test_what_does_not_fit_is_not_written(value: Any) -> None:
    with pytest.raises(Unencodable):
        encode(value)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(FRAMED), st.data())
def test_frames_name_their_schema(name: str, data: st.DataObject) -> None:
    kind, value = get_type(name), data.draw(get_values(name))
    framed = frame(value)
    assert unframe(kind, framed) == value
    for at in range(codec.FRAME_BYTES):
        broken = bytearray(framed)
        broken[at] ^= 1
        with pytest.raises(Malformed):
            unframe(kind, bytes(broken))


@settings(max_examples=20, deadline=None)
@given(get_values("transactions.TransactionEnvelope"))
def test_an_envelope_comes_framed_or_not(envelope: TransactionEnvelope) -> None:
    for sent in (frame(envelope), encode(envelope)):
        assert strip_frame(TransactionEnvelope, sent) == encode(envelope)


def test_a_message_of_another_kind_is_refused() -> None:
    with pytest.raises(Malformed):
        decode(Transaction, encode(TransactionEnvelope(b"", ())))
