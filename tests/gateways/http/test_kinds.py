"""Parameters: what is read, and that the declared schema says the same."""

import re

import pytest

from gateways.http import kinds
from gateways.http.kinds import Kind
from schemas.strkey import encode_account_id, encode_balance_id

GOOD: list[tuple[Kind, str]] = [
    (kinds.ACCOUNT_ID, encode_account_id(bytes(32))),
    (kinds.BALANCE_ID, encode_balance_id(bytes(32))),
    (kinds.ASSET_CODE, "EUR"),
    (kinds.HASH, "0" * 64),
    (kinds.NUMBER, "0"),
    (kinds.NUMBER, str((1 << 63) - 1)),
    (kinds.choices("balances", "signers"), "signers,balances"),
]
BAD: list[tuple[Kind, str]] = [
    (kinds.ACCOUNT_ID, encode_balance_id(bytes(32))),
    (kinds.BALANCE_ID, ""),
    (kinds.ASSET_CODE, "EUR/USD"),
    (kinds.ASSET_CODE, "E" * 17),
    (kinds.HASH, "0" * 63),
    (kinds.HASH, "A" * 64),
    (kinds.NUMBER, "-1"),
    (kinds.NUMBER, "01"),
    (kinds.NUMBER, str(1 << 63)),
    (kinds.LIMIT, "0"),
    (kinds.LIMIT, "201"),
    (kinds.LIMIT, "1.5"),
    (kinds.LIMIT, "9" * 5000),
    (kinds.CURSOR, "x" * 1001),
    (kinds.choice("asc", "desc"), "ASC"),
    (kinds.choices("balances", "signers"), "signers,"),
]


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_good_text_fits_the_schema(kind: Kind, text: str) -> None:
    kind.parse(text)
    assert re.search(kind.schema["pattern"], text)


@pytest.mark.parametrize(("kind", "text"), BAD)
def test_bad_text_is_refused_in_words(kind: Kind, text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|has|made|checksum"):
        kind.parse(text)
