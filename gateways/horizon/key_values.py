"""Key values: the network's configuration."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.database import PointQuery
from gateways.horizon.resource import Rendered, ResourceCollection, get_one, list_route, one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource
from gateways.http.parameter_types import ParameterType
from gateways.http.routes import Call, Parameter
from schemas.generated.bounds import KEY_VALUE_KEY_LENGTH_MAX as LENGTH_MAX
from streams.ledger.values import is_word

KEY_VALUE = PointQuery("select * from horizon.key_values where key = any(%s)")


def _parse_key(text: str) -> bytes:
    if not is_word(text) or len(text) > LENGTH_MAX:
        raise ValueError(f"expected 1 to {LENGTH_MAX} printable ASCII characters without spaces")
    return text.encode()


KEY = ParameterType(_parse_key, {"type": "string", "pattern": f"^[!-~]{{1,{LENGTH_MAX}}}$"})


class KeyValueAttributes(msgspec.Struct, frozen=True):
    """`kind`: u32, u64, u128 or string. `value` is text, also of numbers."""

    kind: str
    value: str
    changed_in: str


def _get_key(row: Any) -> str:
    key: bytes = row.key
    return key.decode()


def render_key_value(row: Any) -> Resource[KeyValueAttributes]:
    value = row.string.decode() if row.kind == "string" else str(int(row.number))
    attributes = KeyValueAttributes(row.kind, value, str(row.changed_in))
    return Resource("key-values", _get_key(row), attributes)


async def render_key_values(_: Horizon, rows: Sequence[Any]) -> Rendered:
    return [render_key_value(row) for row in rows]


async def get_key_value(call: Call) -> Response:
    row, snapshot = await get_one(call, KEY_VALUE, "key", "key value")
    return respond_one(call, render_key_value(row), snapshot)


KEY_VALUES = ResourceCollection(
    "key-values",
    "horizon.key_values k",
    "k.*",
    "k.key",
    KEY,
    render=render_key_values,
    get_position=_get_key,
)

ROUTES = (
    list_route(
        "/v3/key-values", KEY_VALUES, KeyValueAttributes, "The configuration.", is_public=True
    ),
    one_route(
        "/v3/key-values/{key}",
        get_key_value,
        KeyValueAttributes,
        "One key with its value.",
        Parameter("key", KEY, "The key."),
    ),
)
