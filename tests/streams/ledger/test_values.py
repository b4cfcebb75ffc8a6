"""What counts as an asset code and as details."""

import pytest

from schemas.json_text import is_json_text
from streams.ledger.values import is_asset_code

NESTED = b"[" * 32 + b"]" * 32


@pytest.mark.parametrize(
    "details",
    [b"", b"{}", b"1", b'"x"', b"null", NESTED, b'"' + b"[" * 100 + b'"', b"1e999", b"9" * 5_000],
    ids=repr,
)
def test_details_are_any_json_value_or_nothing(details: bytes) -> None:
    assert is_json_text(details)


@pytest.mark.parametrize(
    "details",
    [
        b" ",
        b"{",
        b"{'a': 1}",
        b"NaN",
        b"-Infinity",
        b"1 2",
        b"\xff",
        '"x"'.encode("utf-16"),
        '"x"'.encode("utf-8-sig"),
        b"[" + NESTED + b"]",
        b"[" * 100_000,
        b'"\\"' + b"[" * 40,
    ],
    ids=lambda details: repr(details[:16]),
)
def test_nothing_else_is(details: bytes) -> None:
    assert not is_json_text(details)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("E", True), ("EUR9", True), ("x" * 16, True), ("x" * 17, False), ("", False), ("é", False)],
)
def test_an_asset_code_is_1_to_16_ascii_letters_and_digits(code: str, expected: bool) -> None:
    assert is_asset_code(code) is expected
