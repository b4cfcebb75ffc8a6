"""Operations in plain words, made from their schemas: what people read before they sign."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from schemas.assembly import get_type_name
from schemas.description import load_contract


def describe_operation(stem: str, body: Mapping[str, Any]) -> Iterator[str]:
    """What it does, then every member that is given with what it means. `body`: readable JSON."""
    schema = load_contract()[f"operations.{get_type_name(stem)}"]
    yield schema["doc"]
    docs = {each["name"]: each["doc"] for each in schema["fields"]}
    for name, value in body.items():
        if name != "type" and value is not None:
            shown = msgspec.json.encode(value).decode().strip('"')
            yield f"{name}: {shown} ({docs[name].rstrip('.')})"
