"""Parameters: what is read, and that the declared schema says the same."""

import re

import pytest

from gateways.horizon import parameters
from gateways.http import parameter_types as types
from gateways.http.parameter_types import ParameterType
from schemas.strkey import encode_account_id, encode_balance_id

GOOD: list[tuple[ParameterType, str]] = [
    (types.ACCOUNT_ID, encode_account_id(bytes(32))),
    (parameters.BALANCE_ID, encode_balance_id(bytes(32))),
    (parameters.ASSET_CODE, "EUR"),
    (types.HASH, "0" * 64),
    (types.NUMBER, "0"),
    (types.NUMBER, str((1 << 63) - 1)),
    (types.choices("balances", "signers"), "signers,balances"),
    (types.TIME, "2026-11-27T23:59:59Z"),
]
BAD: list[tuple[ParameterType, str]] = [
    (types.ACCOUNT_ID, encode_balance_id(bytes(32))),
    (parameters.BALANCE_ID, ""),
    (parameters.ASSET_CODE, "EUR/USD"),
    (parameters.ASSET_CODE, "E" * 17),
    (types.HASH, "0" * 63),
    (types.HASH, "A" * 64),
    (types.NUMBER, "-1"),
    (types.NUMBER, "01"),
    (types.NUMBER, str(1 << 63)),
    (types.TIME, "2026-11-27"),
    (types.TIME, "2026-02-30T00:00:00Z"),
    (types.TIME, "2026-11-27T23:59:59+01:00"),
    (types.LIMIT, "0"),
    (types.LIMIT, "201"),
    (types.LIMIT, "1.5"),
    (types.LIMIT, "9" * 5000),
    (types.CURSOR, "x" * 1001),
    (types.choice("asc", "desc"), "ASC"),
    (types.choices("balances", "signers"), "signers,"),
]


@pytest.mark.parametrize(("type_", "text"), GOOD)
def test_good_text_fits_the_schema(type_: ParameterType, text: str) -> None:
    type_.parse(text)
    assert re.search(type_.schema["pattern"], text)


@pytest.mark.parametrize(("type_", "text"), BAD)
def test_bad_text_is_refused(type_: ParameterType, text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|has|made|checksum"):
        type_.parse(text)
