"""The ledger's values as JSON: one renderer for every generated record, made from their fields.

Accounts and keys become G..., balances B..., hashes hex, 64-bit numbers strings, enums symbols,
opaque details the JSON they hold, and amounts decimals of their asset. Pure: what the values do not
say themselves (an asset's decimals, a balance's asset) comes as `Scales`.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache, lru_cache
from typing import Any

import msgspec

from schemas.binary import Record
from schemas.generated import ledger, operations
from schemas.strkey import encode_account_id, encode_balance_id
from schemas.values import format_amount
from streams.ledger.values import is_details

# A page names the same few again and again, and base32 costs more than all else in a row.
TEXTS_KEPT = 50_000
show_account = lru_cache(TEXTS_KEPT)(encode_account_id)
show_balance = lru_cache(TEXTS_KEPT)(encode_balance_id)

DETAILS = frozenset({"details", "creator_details"})


@dataclasses.dataclass(slots=True)
class Scales:
    """Decimals by asset code and asset codes by balance: immutable facts, so they may be kept."""

    digits: dict[str, int] = dataclasses.field(default_factory=dict)
    assets: dict[bytes, str] = dataclasses.field(default_factory=dict)


def _by_asset(value: Any, scales: Scales) -> int | None:
    return scales.digits.get(value.asset)


def _by_source_balance(value: Any, scales: Scales) -> int | None:
    return scales.digits.get(scales.assets.get(value.source_balance, ""))


def _by_own_digits(value: Any, _: Scales) -> int | None:
    digits: int = value.trailing_digits
    return digits


# Which records say of what asset the amounts in them are. Records inside inherit it.
SCALE_OF: dict[type, Callable[[Any, Scales], int | None]] = {
    operations.Payment: _by_source_balance,
    operations.PaymentResult: _by_asset,
    operations.CreateIssuanceRequest: _by_asset,
    operations.CreateAsset: _by_own_digits,
    ledger.Asset: _by_own_digits,
    ledger.Balance: _by_asset,
    ledger.IssuanceRequest: _by_asset,
    ledger.BalanceMovement: _by_asset,
}

Render = Callable[[Any, Scales, "int | None"], Any]


def get_type_name(kind: type) -> str:
    """`CreateAccount` is written `create_account`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()


def render_value(value: Any, scales: Scales, digits: int | None = None) -> Any:
    """A generated record or enum as JSON. `digits`: of amounts whose asset an outer record names.

    An amount whose asset nobody knows (a payment from a balance that never was) becomes null.
    """
    if isinstance(value, Enum):
        return value.name
    kind: type = type(value)
    if kind in SCALE_OF:
        digits = SCALE_OF[kind](value, scales)
    plan = _get_plan(kind)
    return {name: render(getattr(value, name), scales, digits) for name, render in plan}


def render_details(details: bytes) -> Any:
    """The JSON that `details` hold, null if they are empty, else their bytes in hex."""
    if not details:
        return None
    if is_details(details):
        try:
            msgspec.json.decode(details)
            return msgspec.Raw(details)
        except ValueError:
            return {"hex": details.hex()}
    return {"hex": details.hex()}


def find_balances(value: Any) -> Iterator[bytes]:
    """The balances whose assets must be known to render the amounts in `value`."""
    if isinstance(value, operations.Payment):
        yield value.source_balance


@cache
def _get_plan(kind: type[Record]) -> tuple[tuple[str, Render], ...]:
    plan = []
    for name in kind.__struct_fields__:
        annotation = kind.__annotations__[name]
        is_json = name in DETAILS and annotation == "bytes"
        plan.append((name, _render_json if is_json else _get_render(annotation)))
    return tuple(plan)


def _get_render(annotation: str) -> Render:
    """From the text of a field's type: at run time a named type is only bytes or a number."""
    if annotation.startswith("None | "):
        return _optional(_get_render(annotation.removeprefix("None | ")))
    if annotation.startswith("tuple["):
        return _many(_get_render(annotation.removeprefix("tuple[").removesuffix(", ...]")))
    if " | " in annotation:
        return _render_branch
    return RENDERERS.get(annotation, render_value)


def _optional(render: Render) -> Render:
    return lambda value, scales, digits: None if value is None else render(value, scales, digits)


def _many(render: Render) -> Render:
    return lambda values, scales, digits: [render(each, scales, digits) for each in values]


def _render_branch(value: Any, scales: Scales, digits: int | None) -> Any:
    """A union says which branch it is."""
    if isinstance(value, Enum):
        return value.name
    return {"type": get_type_name(type(value)), **render_value(value, scales, digits)}


def _render_amount(value: int, _: Scales, digits: int | None) -> str | None:
    return None if digits is None else format_amount(value, digits)


def _render_json(value: bytes, *_: Any) -> Any:
    return render_details(value)


def _hex(value: bytes, *_: Any) -> str:
    return value.hex()


def _account(value: bytes, *_: Any) -> str:
    return show_account(value)


def _balance(value: bytes, *_: Any) -> str:
    return show_balance(value)


def _text(value: int, *_: Any) -> str:
    return str(value)


def _same(value: Any, *_: Any) -> Any:
    return value


RENDERERS: dict[str, Render] = {
    "Amount": _render_amount,
    "AccountID": _account,
    "PublicKey": _account,
    "BalanceID": _balance,
    "Hash": _hex,
    "Signature": _hex,
    "SiblingHashes": _hex,
    "bytes": _hex,
    "U64": _text,
    "int": _same,
    "str": _same,
    "bool": _same,
}
