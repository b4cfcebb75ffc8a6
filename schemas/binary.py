"""Avro's primitive encodings, in their one canonical form. It knows no schema.

Every reader takes the bytes and a position and returns the value and the next position. Reading
past the end is found in two ways: an index raises IndexError, a slice comes short and leaves the
position beyond the end; `schemas.codec.decode` turns both into `Malformed`. Nothing is allocated by
a length that the bytes cannot hold.

Source of the encodings: Apache Avro 1.12 specification, "Binary Encoding".
"""

from typing import Any

import msgspec

MAX_DEPTH = 4  # of nested quorum sets, as in SCP's implementations
LONG_BYTES_MAX = 10


class Malformed(ValueError):
    """The bytes are not the canonical encoding of a value of the schema."""


class Unencodable(ValueError):
    """The value does not fit its schema: a range, a length or a type is wrong."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A value of the contract. Values hold only values, so the garbage collector need not look at
    them; made in C, one costs a third of a slotted dataclass."""


# Through `Any`, so that generated readers need not name a type for what they cut: naming costs
# more than cutting.
from_bytes: Any = int.from_bytes


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag variable-length integer of at most 64 bits, in the fewest bytes."""
    byte = data[at]
    if byte < 0x80:
        return (byte >> 1) ^ -(byte & 1), at + 1
    raw = byte & 0x7F
    shift = 7
    start = at
    while byte & 0x80:
        at += 1
        byte = data[at]
        raw |= (byte & 0x7F) << shift
        shift += 7
        if at - start >= LONG_BYTES_MAX:
            raise Malformed("an integer is longer than 64 bits")
    if byte == 0 or raw >> 64:
        raise Malformed("an integer is not in its shortest form")
    return (raw >> 1) ^ -(raw & 1), at + 1


def write_long(value: int, out: bytearray) -> None:
    if type(value) is int and 0 <= value < 64:
        out.append(value << 1)
        return
    if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
        raise Unencodable(f"{value!r} is not a 64-bit integer")
    raw = (value << 1) ^ (value >> 63)
    while raw > 0x7F:
        out.append(raw & 0x7F | 0x80)
        raw >>= 7
    out.append(raw)


def read_bounded(data: bytes, at: int, minimum: int, maximum: int) -> tuple[int, int]:
    value, at = read_long(data, at)
    if not minimum <= value <= maximum:
        raise Malformed(f"the integer {value} is not in {minimum}..{maximum}")
    return value, at


def write_bounded(value: int, out: bytearray, minimum: int, maximum: int) -> None:
    if type(value) is not int or not minimum <= value <= maximum:
        raise Unencodable(f"{value!r} is not an integer in {minimum}..{maximum}")
    write_long(value, out)


def read_boolean(data: bytes, at: int) -> tuple[bool, int]:
    byte = data[at]
    if byte > 1:
        raise Malformed(f"a boolean is {byte}, not 0 or 1")
    return byte == 1, at + 1


def write_boolean(value: bool, out: bytearray) -> None:
    if type(value) is not bool:
        raise Unencodable(f"{value!r} is not a boolean")
    out.append(value)


def read_bytes(data: bytes, at: int, maximum: int) -> tuple[bytes, int]:
    length, at = read_long(data, at)
    if not 0 <= length <= maximum:
        raise Malformed(f"a length of {length} bytes is not in 0..{maximum}")
    end = at + length
    return data[at:end], end


def write_bytes(value: bytes, out: bytearray, maximum: int) -> None:
    if type(value) is not bytes or len(value) > maximum:
        raise Unencodable(f"expected at most {maximum} bytes")
    length = len(value)
    if length < 64:
        out.append(length << 1)
    else:
        write_long(length, out)
    out += value


def read_string(data: bytes, at: int, maximum: int) -> tuple[str, int]:
    raw, at = read_bytes(data, at, maximum)
    return raw.decode(), at


def encode_text(value: str) -> bytes:
    """A string's encoding, for the keys of entries."""
    raw = value.encode()
    if len(raw) < 64:
        return bytes([2 * len(raw)]) + raw
    out = bytearray()
    write_long(len(raw), out)
    return bytes(out) + raw


SMALL_NUMBERS = tuple(bytes([2 * value]) for value in range(64))


def encode_number(value: int) -> bytes:
    """An integer's encoding, for the keys of entries."""
    if 0 <= value < 64:
        return SMALL_NUMBERS[value]
    out = bytearray()
    write_long(value, out)
    return bytes(out)


def write_string(value: str, out: bytearray, maximum: int) -> None:
    if type(value) is not str:
        raise Unencodable(f"{value!r} is not a string")
    write_bytes(value.encode(), out, maximum)


def read_index(data: bytes, at: int, count: int) -> tuple[int, int]:
    """The index of one of `count` union branches or symbols, where there are more than 64."""
    index, at = read_long(data, at)
    if not 0 <= index < count:
        raise Malformed(f"the index {index} is not in 0..{count - 1}")
    return index, at


def get_branch_error(value: object) -> Unencodable:
    return Unencodable(f"{type(value).__name__} is not a branch of the union")


def write_unsigned(value: int, out: bytearray, size: int) -> None:
    """A fixed-width big-endian unsigned integer, carried by an Avro `fixed`."""
    if type(value) is not int:
        raise Unencodable(f"{value!r} is not an unsigned integer of {8 * size} bits")
    try:
        out += value.to_bytes(size)
    except OverflowError:
        raise Unencodable(f"{value!r} is not an unsigned integer of {8 * size} bits") from None


def read_count(data: bytes, at: int, maximum: int) -> tuple[int, int]:
    """The count that opens an array's only block (0: the empty array)."""
    count, at = read_long(data, at)
    if not 0 <= count <= maximum:
        raise Malformed(f"an array of {count} items is not in 0..{maximum}")
    if count > len(data) - at:
        raise Malformed("an array has more items than bytes left")
    return count, at


def read_array_end(data: bytes, at: int) -> int:
    if data[at] != 0:
        raise Malformed("an array has more than one block")
    return at + 1


def write_count(count: int, out: bytearray, maximum: int) -> None:
    if count > maximum:
        raise Unencodable(f"an array has {count} items, at most {maximum} are allowed")
    write_long(count, out)


def write_fixed_array(value: tuple[bytes, ...], out: bytearray, maximum: int, size: int) -> None:
    """An array of fixed-size byte strings."""
    write_count(len(value), out, maximum)
    if any(type(item) is not bytes or len(item) != size for item in value):
        raise Unencodable(f"expected items of {size} bytes")
    if value:
        out += b"".join(value)
        out.append(0)


def check_depth(depth: int, error: type[ValueError]) -> None:
    if depth > MAX_DEPTH:
        raise error(f"nested deeper than {MAX_DEPTH} levels")
