"""What the generator makes: unions and enums of any size, skips that end where reading ends."""

from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.assembly import SchemaError, assemble, encode_index
from schemas.binary import Malformed, Unencodable
from schemas.codec import encode
from schemas.emitter import Generator
from schemas.generate import load_schemas
from schemas.generated import skips
from schemas.sizes import compute_bytes_max
from tests.schemas.values import get_values

SYMBOLS = [f"SYMBOL_{number}" for number in range(200)]
WIDE: dict[str, Any] = {
    "wide.Many": {
        "name": "Many",
        "type": "enum",
        "folder": "wide",
        "doc": "An enum of 200 symbols.",
        "symbols": SYMBOLS,
        "symbolDocs": dict.fromkeys(SYMBOLS, "One of many."),
    },
    **{
        f"wide.Branch{number}": {
            "name": f"Branch{number}",
            "type": "record",
            "folder": "wide",
            "doc": "A branch.",
            "fields": [{"name": "value", "type": "boolean", "doc": "Something."}],
        }
        for number in range(130)
    },
    "wide.Union": {
        "name": "Union",
        "type": "record",
        "folder": "wide",
        "doc": "A union of 130 records.",
        "fields": [
            {"name": "data", "type": [f"Branch{n}" for n in range(130)], "doc": "Any."},
            {"name": "many", "type": "Many", "doc": "Any."},
        ],
    },
}


@pytest.fixture(scope="module")
def wide() -> ModuleType:
    module = ModuleType("wide")
    exec(Generator(WIDE, "wide").emit_module(), module.__dict__)  # noqa: S102 - ours
    return module


@pytest.mark.parametrize("number", [0, 63, 64, 127, 128, 129])
def test_a_union_may_have_more_than_64_members(wide: ModuleType, number: int) -> None:
    branch = getattr(wide, f"Branch{number}")
    value = wide.Union(branch(True), wide.Many(number + 70))
    out = bytearray()
    wide.write_Union(value, out)
    assert out.startswith(encode_index(number))
    assert len(encode_index(number)) == (1 if number < 64 else 2)
    assert wide.read_Union(bytes(out), 0) == (value, len(out))
    assert len(out) <= (compute_bytes_max("wide.Union", WIDE) or 0)


@pytest.mark.parametrize("data", [b"\x84\x02\x01\x00", b"\x81\x00\x01\x00", b"\x80\x00\x01\x00"])
def test_an_index_that_is_none_is_refused(wide: ModuleType, data: bytes) -> None:
    with pytest.raises(Malformed):
        wide.read_Union(data, 0)


def test_what_is_no_branch_cannot_be_written(wide: ModuleType) -> None:
    with pytest.raises(Unencodable):
        wide.write_Union(wide.Union(wide.Many(0), wide.Many(0)), bytearray())


def test_numbers_must_follow_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from schemas import contract

    rows = contract.OPERATIONS
    monkeypatch.setattr(contract, "OPERATIONS", (rows[1], rows[0], *rows[2:]))
    with pytest.raises(SchemaError):
        assemble(load_schemas())


@pytest.mark.parametrize(
    "name",
    [
        "ledger.LedgerEntry",
        "ledger.LedgerKey",
        "ledger.ParticipantEffect",
        "transactions.OperationResult",
    ],
)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_skip_ends_where_the_value_ends(name: str, data: st.DataObject) -> None:
    raw = encode(data.draw(get_values(name)))
    skip = getattr(skips, f"skip_{name.partition('.')[2]}")
    assert skip(b"\xff" * 3 + raw + b"\xff", 3) == 3 + len(raw)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_reference_begins_where_it_is_located(data: st.DataObject) -> None:
    payment = data.draw(get_values("operations.Payment"))
    at = skips.locate_Payment_reference(encode(payment), 0)
    reference = b"\x00" if payment.reference is None else b"\x02" + encode(payment.reference)
    assert encode(payment)[at:] == reference


@pytest.mark.parametrize("name", ["entries.Balance", "operations.Payment", "entries.Account"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_value_is_longer_than_its_type_says(name: str, data: st.DataObject) -> None:
    size = compute_bytes_max(name, load_schemas())
    assert size is not None
    assert len(encode(data.draw(get_values(name)))) <= size
