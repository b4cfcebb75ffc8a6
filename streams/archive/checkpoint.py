"""Ledgers as objects of an archive, and back. Pure: it reads and writes nothing itself.

Ledgers from an archive are as good as from anywhere: `verify_record` decides whether they are true.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

from schemas.binary import Malformed
from schemas.codec import decode, encode
from schemas.generated.archive import (
    ArchivedBody,
    ArchivedCertificate,
    ArchivedHeader,
    ArchivedObject,
    Checkpoint,
    ObjectKind,
)
from schemas.generated.common import Hash
from schemas.generated.ledger import Certificate, LedgerRecord
from streams.archive.container import decode_container, encode_container
from streams.ledger.hashes import compute_hash

T = TypeVar("T")

OBJECT_BYTES = 8 * 1024 * 1024
"""Of what goes into one object of bodies, before it is packed; one record may be more."""
OBJECT_BYTES_MAX = 64 * 1024 * 1024
"""Of an object that is read, packed."""

Read = Callable[[Sequence[ArchivedObject]], Iterator[bytes]]
"""Reads objects: their bytes, in order."""


class _Row(Protocol):
    @property
    def sequence(self) -> int: ...


R = TypeVar("R", bound=_Row)


class DamagedArchive(Exception):
    """An archive holds what cannot be; the message says what."""


class MadeObject(NamedTuple):
    """An object to be written, as its manifest names it."""

    named: ArchivedObject
    data: bytes


class ArchivedLedger(NamedTuple):
    """A ledger with its sequence, as somebody says."""

    sequence: int
    record: LedgerRecord


def make_checkpoint(
    network_id: Hash, ledgers: Iterable[ArchivedLedger]
) -> Iterator[MadeObject | Checkpoint]:
    """Of consecutive certified ledgers, at least one: the objects one by one, and last the manifest
    that names them. One object of bodies at a time is in memory.
    """
    headers: list[ArchivedHeader] = []
    certificates: list[ArchivedCertificate] = []
    objects: list[ArchivedObject] = []

    def take() -> Iterator[ArchivedBody]:
        for sequence, record in ledgers:
            headers.append(ArchivedHeader(sequence, record.header))
            certificates.append(ArchivedCertificate(sequence, encode(record.certificate)))
            yield ArchivedBody(sequence, record.body)

    def make() -> Iterator[MadeObject]:
        for part in split(take(), lambda each: len(each.body)):
            yield make_object(ObjectKind.BODIES, ArchivedBody, part)
        yield make_object(ObjectKind.HEADERS, ArchivedHeader, headers)
        yield make_object(ObjectKind.CERTIFICATES, ArchivedCertificate, certificates)

    for made in make():
        objects.append(made.named)
        yield made
    first, last = headers[0], headers[-1]
    yield Checkpoint(
        network_id, first.sequence, last.sequence, compute_hash(last.header), tuple(objects)
    )


def make_object(kind: ObjectKind, type_: type[T], records: Sequence[T]) -> MadeObject:
    data = encode_container(type_, records)
    return MadeObject(ArchivedObject(kind, compute_hash(data), len(data), len(records)), data)


def split(records: Iterable[T], get_size: Callable[[T], int]) -> Iterator[list[T]]:
    """Into parts of about `OBJECT_BYTES`."""
    part: list[T] = []
    size = 0
    for record in records:
        part.append(record)
        size += get_size(record)
        if size >= OBJECT_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def open_object(named: ArchivedObject, type_: type[T], data: bytes) -> Iterator[T]:
    """The records of an object that was read. Raises `DamagedArchive`."""
    if compute_hash(data) != named.hash:
        raise DamagedArchive(f"object {named.hash.hex()} has other bytes than its name says")
    count = 0
    try:
        for record in decode_container(type_, data):
            count += 1
            yield record
    except Malformed as error:
        raise DamagedArchive(f"object {named.hash.hex()}: {error}") from None
    if count != named.records:
        raise DamagedArchive(f"object {named.hash.hex()} has {count} records, not {named.records}")


def open_manifest(type_: type[T], manifest_hash: Hash, data: bytes) -> T:
    """The one record of a manifest. Raises `DamagedArchive`."""
    if compute_hash(data) != manifest_hash:
        raise DamagedArchive(f"manifest {manifest_hash.hex()} has other bytes than its name says")
    try:
        (manifest,) = decode_container(type_, data)
    except (Malformed, ValueError) as error:
        raise DamagedArchive(f"manifest {manifest_hash.hex()}: {error}") from None
    return manifest


def read_headers(checkpoint: Checkpoint, read: Read) -> list[bytes]:
    """All headers, in order. Raises `DamagedArchive`."""
    found = read_rows(checkpoint.objects, read, ObjectKind.HEADERS, ArchivedHeader)
    return [each.header for each in _check_order(checkpoint, found)]


def read_certificates(checkpoint: Checkpoint, read: Read) -> list[Certificate]:
    """All certificates, in order. Raises `DamagedArchive`."""
    found = read_rows(checkpoint.objects, read, ObjectKind.CERTIFICATES, ArchivedCertificate)
    rows = _check_order(checkpoint, found)
    try:
        return [decode(Certificate, each.certificate) for each in rows]
    except Malformed as error:
        raise DamagedArchive(f"a certificate cannot be read: {error}") from None


def read_ledgers(checkpoint: Checkpoint, read: Read) -> Iterator[ArchivedLedger]:
    """Its ledgers, in order; one object of bodies at a time is in memory. Raises
    `DamagedArchive`. They are not verified."""
    headers, certificates = read_headers(checkpoint, read), read_certificates(checkpoint, read)
    bodies = read_rows(checkpoint.objects, read, ObjectKind.BODIES, ArchivedBody)
    rows = _check_order(checkpoint, bodies)
    for header, certificate, body in zip(headers, certificates, rows, strict=True):
        yield ArchivedLedger(body.sequence, LedgerRecord(header, certificate, body.body))


def read_rows(
    objects: Iterable[ArchivedObject], read: Read, kind: ObjectKind, type_: type[T]
) -> Iterator[T]:
    """The records of all objects of a kind. Raises `DamagedArchive`."""
    chosen = [each for each in objects if each.kind is kind]
    for named in chosen:
        if named.size > OBJECT_BYTES_MAX:
            raise DamagedArchive(f"object {named.hash.hex()} is too large: {named.size} bytes")
    for named, data in zip(chosen, read(chosen), strict=True):
        yield from open_object(named, type_, data)


def _check_order(checkpoint: Checkpoint, rows: Iterable[R]) -> Iterator[R]:
    """Every ledger of the checkpoint once, in order."""
    due = checkpoint.first_sequence
    for row in rows:
        if row.sequence != due or due > checkpoint.last_sequence:
            raise DamagedArchive(f"ledger {row.sequence} stands where {due} was due")
        due += 1
        yield row
    if due != checkpoint.last_sequence + 1:
        raise DamagedArchive(f"ledger {due} is missing in its checkpoint")
