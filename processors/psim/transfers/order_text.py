"""Orders as the text that cosigners sign and people read: a format, then a line each. Pure."""

from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def encode_order_text(format_: str, order: msgspec.Struct) -> bytes:
    values = msgspec.structs.asdict(order)
    lines = [format_, *(f"{name} {value}" for name, value in values.items())]
    return "\n".join(lines).encode() + b"\n"


def decode_order_text(format_: str, what: str, type_: type[T], payload: bytes) -> T:
    """Raises ValueError, which says that it is no `what`, for anything that `encode_order_text`
    does not make."""
    lines = payload.decode("ascii").splitlines()
    names = type_.__struct_fields__
    if lines[:1] != [format_] or [each.partition(" ")[0] for each in lines[1:]] != [*names]:
        raise ValueError(f"the payload is no {what}")
    values = {name: each.partition(" ")[2] for name, each in zip(names, lines[1:], strict=True)}
    order = msgspec.convert(values, type_, strict=False)
    if encode_order_text(format_, order) != payload:
        raise ValueError(f"the payload is no {what}")
    return order
