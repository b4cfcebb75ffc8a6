"""Parameters that several of Horizon's resources share, and the types that only a ledger has."""

from gateways.http.parameter_types import ACCOUNT_ID, HASH, NUMBER, ParameterType
from gateways.http.routes import Parameter
from schemas.strkey import decode_balance_id
from streams.ledger.values import is_asset_code


def _parse_asset_code(text: str) -> str:
    if not is_asset_code(text):
        raise ValueError("expected an asset code: 1 to 16 ASCII letters and digits")
    return text


def _parse_asset_pair(text: str) -> tuple[str, str]:
    base, _, quote = text.partition(":")
    return _parse_asset_code(base), _parse_asset_code(quote)


BALANCE_ID = ParameterType(decode_balance_id, {"type": "string", "pattern": "^B[A-Z2-7]{55}$"})
ASSET_CODE = ParameterType(_parse_asset_code, {"type": "string", "pattern": "^[A-Za-z0-9]{1,16}$"})
ASSET_PAIR = ParameterType(
    _parse_asset_pair, {"type": "string", "pattern": "^[A-Za-z0-9]{1,16}:[A-Za-z0-9]{1,16}$"}
)

BY_ACCOUNT = Parameter("filter[account]", ACCOUNT_ID, "Only those of this account.")
BY_ASSET = Parameter("filter[asset]", ASSET_CODE, "Only those of this asset.")
BY_BALANCE = Parameter("filter[balance]", BALANCE_ID, "Only those of this balance.")
BY_LEDGER = Parameter("filter[ledger]", NUMBER, "Only those in the ledger with this sequence.")
BY_TRANSACTION = Parameter(
    "filter[transaction]", HASH, "Only those of the transaction with this hash."
)
