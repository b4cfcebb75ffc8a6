"""The strict codec: values to canonical Avro bytes and back. It knows no topic and no file.

Bytes are valid iff every integer and length is in range and `encode(decode(b)) == b`. Only
outermost messages are framed, with Avro's single-object encoding (marker and schema fingerprint),
so that a topic can be replayed without a registry.
"""

from typing import Any, TypeVar

from schemas.binary import Malformed, Unencodable
from schemas.generated import FINGERPRINTS, READERS, WRITERS

__all__ = ["Malformed", "Unencodable", "decode", "encode", "frame", "strip_frame", "unframe"]

T = TypeVar("T")

FRAME_MARKER = b"\xc3\x01"
FRAME_BYTES = 10


def encode(value: Any) -> bytes:
    """The canonical bytes of a generated record or enum. Raises `Unencodable`."""
    writer = WRITERS.get(type(value))
    if writer is None:
        raise Unencodable(f"{type(value).__name__} is not a type of the contract")
    out = bytearray()
    try:
        writer(value, out)
    except (AttributeError, TypeError, UnicodeEncodeError) as error:
        raise Unencodable(f"{type(value).__name__}: {error}") from error
    return bytes(out)


def decode(kind: type[T], data: bytes) -> T:
    """The value of exactly these bytes. Raises `Malformed` for anything but the canonical form."""
    try:
        value, at = READERS[kind](data, 0)
    except IndexError:
        raise Malformed(f"{kind.__name__}: the bytes end too early") from None
    except UnicodeDecodeError:
        raise Malformed(f"{kind.__name__}: a string is not UTF-8") from None
    except Malformed as error:
        raise Malformed(f"{kind.__name__}: {error}") from None
    if at != len(data):
        wrong = "end too early" if at > len(data) else f"have {len(data) - at} too many at the end"
        raise Malformed(f"{kind.__name__}: the bytes {wrong}")
    result: T = value
    return result


def frame(value: Any) -> bytes:
    """`value` under Avro's single-object encoding; only for the framed types."""
    return FRAME_MARKER + FINGERPRINTS[type(value)] + encode(value)


def strip_frame(kind: type[Any], data: bytes) -> bytes:
    """The bytes of a `kind` that came framed or not, as its writer liked. They are not read.

    Only for kinds that begin with bytes: no length is encoded as the marker, so that the two forms
    cannot be confused.
    """
    head = FRAME_MARKER + FINGERPRINTS[kind]
    return data[FRAME_BYTES:] if data.startswith(head) else data


def unframe(kind: type[T], data: bytes) -> T:
    """The inverse of `frame`. Raises `Malformed`, also for another type's fingerprint."""
    if data[:2] != FRAME_MARKER:
        raise Malformed(f"{kind.__name__}: not a message in Avro's single-object encoding")
    if data[2:FRAME_BYTES] != FINGERPRINTS[kind]:
        raise Malformed(f"{kind.__name__}: the schema fingerprint {data[2:10].hex()} is not known")
    return decode(kind, data[FRAME_BYTES:])
