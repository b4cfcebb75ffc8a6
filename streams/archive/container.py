"""Avro object container files: records of one type with their schema. Pure.

Anybody reads them with any Avro library. What is read may be anybody's, so sizes are checked before
anything is unpacked, and records must be canonical. Written, equal records make equal bytes: the
sync marker follows from the schema.
"""

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from schemas.binary import Malformed
from schemas.codec import encode
from schemas.generated import READERS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

T = TypeVar("T")

MAGIC = b"Obj\x01"
SYNC_BYTES = 16
CODEC = b"zstandard"
LEVEL = 3
BLOCK_BYTES = 1024 * 1024
BLOCK_BYTES_MAX = 32 * 1024 * 1024
"""Of a block that is read, unpacked. Ours hold `BLOCK_BYTES` and the rest of their last record."""
METADATA_MAX = 16
SCHEMAS = Path(__file__).parents[2] / "schemas" / "generated"


@cache
def get_schema_text(name: str) -> bytes:
    """The self-contained schema of the type of that name."""
    return (SCHEMAS / f"{name}.avsc").read_bytes()


def encode_container(kind: type[T], records: Iterable[T]) -> bytes:
    """The file's bytes."""
    schema = get_schema_text(kind.__name__)
    sync = sha256(schema).digest()[:SYNC_BYTES]
    out = bytearray(MAGIC)
    metadata = {b"avro.schema": schema, b"avro.codec": CODEC}
    _write_long(len(metadata), out)
    for key, value in metadata.items():
        for part in (key, value):
            _write_long(len(part), out)
            out += part
    out.append(0)
    out += sync
    for count, block in _make_blocks(records):
        packed = zstd.compress(block, LEVEL)
        _write_long(count, out)
        _write_long(len(packed), out)
        out += packed + sync
    return bytes(out)


def _make_blocks(records: Iterable[Any]) -> Iterator[tuple[int, bytes]]:
    block, count = bytearray(), 0
    for record in records:
        block += encode(record)
        count += 1
        if len(block) >= BLOCK_BYTES:
            yield count, bytes(block)
            block, count = bytearray(), 0
    if count:
        yield count, bytes(block)


def decode_container(kind: type[T], data: bytes) -> Iterator[T]:
    """The records. Raises `Malformed` for anything but a file of this type."""
    try:
        at, sync = _read_head(data, get_schema_text(kind.__name__))
        while at < len(data):
            count, at = _read_long(data, at)
            size, at = _read_long(data, at)
            end = at + size
            if size < 0 or data[end : end + SYNC_BYTES] != sync:
                raise Malformed("a block does not end where it says")
            yield from _read_block(kind, _unpack(data[at:end]), count)
            at = end + SYNC_BYTES
    except IndexError:
        raise Malformed("the file ends too early") from None
    except zstd.ZstdError as error:
        raise Malformed(f"a block cannot be unpacked: {error}") from None


def _read_head(data: bytes, schema: bytes) -> tuple[int, bytes]:
    """Where the first block begins, and the sync marker."""
    if not data.startswith(MAGIC):
        raise Malformed("not an Avro container file")
    count, at = _read_long(data, len(MAGIC))
    if not 0 < count <= METADATA_MAX:
        raise Malformed("the file's metadata are not ours")
    metadata = {}
    for _ in range(count):
        key, at = _read_bytes(data, at)
        metadata[key], at = _read_bytes(data, at)
    if metadata.get(b"avro.codec") != CODEC or metadata.get(b"avro.schema") != schema:
        raise Malformed("the file holds records of another type")
    end = at + 1 + SYNC_BYTES
    if data[at] != 0 or len(data) < end:
        raise Malformed("the file's head ends too early")
    return end, data[at + 1 : end]


def _unpack(packed: bytes) -> bytes:
    size = zstd.get_frame_info(packed).decompressed_size
    if size is None or size > BLOCK_BYTES_MAX:
        raise Malformed("a block is too large, or does not say how large it is")
    unpacker = zstd.ZstdDecompressor()
    block = unpacker.decompress(packed, max_length=size + 1)
    if len(block) != size or not unpacker.eof:
        raise Malformed("a block is not as large as it says")
    return block


def _read_block(kind: type[T], block: bytes, count: int) -> Iterator[T]:
    read, at = READERS[kind], 0
    for _ in range(count):
        record, at = read(block, at)
        if at > len(block):
            raise Malformed("a record ends too early")
        yield record
    if at != len(block):
        raise Malformed("a block has too many bytes")


def _write_long(value: int, out: bytearray) -> None:
    """A count or a length: never negative."""
    rest = value << 1
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)


def _read_long(data: bytes, at: int) -> tuple[int, int]:
    shift = value = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        if shift > 56:
            raise Malformed("a number is too large")


def _read_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    size, at = _read_long(data, at)
    if not 0 <= size <= len(data) - at:
        raise Malformed("the file ends too early")
    return data[at : at + size], at + size
