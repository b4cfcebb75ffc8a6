"""Hypothesis strategies for every type of the contract, made from the schemas themselves."""

from functools import cache
from typing import Any

from hypothesis import strategies as st

from schemas import generated
from schemas.assembly import get_full_name
from schemas.emitter import DEFAULT_BOUNDS
from schemas.generate import load_schemas

NAMED = load_schemas()
ITEMS_MAX = 3
DEPTH_MAX = 2


def get_type(full_name: str) -> type:
    folder, name = full_name.split(".")
    found: type = getattr(getattr(generated, folder), name)
    return found


@cache
def get_values(full_name: str, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of a record or enum."""
    schema = NAMED[full_name]
    if schema["type"] == "enum":
        return st.sampled_from(list(get_type(full_name)))  # type: ignore[call-overload]
    folder = schema["folder"]
    fields = {f["name"]: _get_field(f["type"], f, folder, depth) for f in schema["fields"]}
    return st.builds(get_type(full_name), **fields)


def _get_field(
    avro: Any, bounds: dict[str, Any], folder: str, depth: int
) -> st.SearchStrategy[Any]:
    if isinstance(avro, list):
        return st.one_of(*(_get_field(branch, bounds, folder, depth) for branch in avro))
    if isinstance(avro, dict):
        items_max = min(bounds.get("maxItems", ITEMS_MAX), ITEMS_MAX)
        if depth >= DEPTH_MAX:
            return st.just(())
        items = st.deferred(lambda: _get_field(avro["items"], bounds, folder, depth + 1))
        return st.lists(items, max_size=items_max).map(tuple)
    if avro in DEFAULT_BOUNDS:
        low, high = DEFAULT_BOUNDS[avro]
        return st.integers(bounds.get("minimum", low), bounds.get("maximum", high))
    if bounds.get("json"):
        return st.sampled_from([b"", b"2", b'{"a":1}', b'[1,"x"]'])
    simple: dict[str, Any] = {
        "null": st.none(),
        "boolean": st.booleans(),
        "bytes": st.binary(max_size=min(bounds.get("maxLength", 0), 40)),
        "string": st.text(max_size=min(bounds.get("maxLength", 0), 40) // 4),
    }
    if avro in simple:
        found: st.SearchStrategy[Any] = simple[avro]
        return found
    full_name = get_full_name(avro, folder)
    schema = NAMED[full_name]
    if schema["type"] != "fixed":
        return get_values(full_name, depth)
    size = schema["size"]
    if schema.get("integer"):
        return st.integers(0, (1 << 8 * size) - 1)
    return st.binary(min_size=size, max_size=size)
