"""Following an archive's headers without its bodies. Pure.

A header proves all before it, because each names the last. So a certificate is looked at where it
matters: at the end of each checkpoint, and where a header changes the quorum set; there the body is
read too.
"""

from dataclasses import replace
from typing import NamedTuple

from schemas.codec import encode
from schemas.generated.archive import Checkpoint
from schemas.generated.ledger import Certificate
from streams.archive.checkpoint import (
    DamagedArchive,
    Read,
    read_certificates,
    read_headers,
    read_ledgers,
)
from streams.ledger.chain import (
    ChainPosition,
    verify_certificate,
    verify_header,
    verify_record,
)
from streams.ledger.hashes import compute_hash


class Headers(NamedTuple):
    """What is read of a checkpoint to follow it: of each ledger, in order."""

    headers: list[bytes]
    certificates: list[Certificate]


def read_header_objects(checkpoint: Checkpoint, read: Read) -> Headers:
    """Raises `DamagedArchive`. They are not verified."""
    return Headers(read_headers(checkpoint, read), read_certificates(checkpoint, read))


def follow_headers(
    position: ChainPosition, checkpoint: Checkpoint, rows: Headers, read: Read, last: int
) -> ChainPosition:
    """From `position` on, which lies in the checkpoint or at its beginning, to ledger `last` or to
    the checkpoint's end. Raises `ForgedLedger` and `DamagedArchive`.
    """
    if not checkpoint.first_sequence <= position.sequence + 1 <= checkpoint.last_sequence:
        raise DamagedArchive(f"ledger {position.sequence + 1} is missing between checkpoints")
    skipped = position.sequence + 1 - checkpoint.first_sequence
    end = min(last, checkpoint.last_sequence) - checkpoint.first_sequence + 1
    for number in range(skipped, end):
        raw, certificate = rows.headers[number], rows.certificates[number]
        header, header_hash = verify_header(position, raw), compute_hash(raw)
        if header.quorum_set_hash != compute_hash(encode(position.quorum_set)):
            position = _follow_change(position, checkpoint, read)
            continue
        if number == end - 1:
            verify_certificate(position, header, header_hash, certificate)
        position = replace(
            position,
            sequence=header.sequence,
            header_hash=header_hash,
            close_time_ms=header.close_time_ms,
        )
    return position


def _follow_change(position: ChainPosition, checkpoint: Checkpoint, read: Read) -> ChainPosition:
    """The ledger after `position`, of which all is looked at."""
    for ledger in read_ledgers(checkpoint, read):
        if ledger.sequence == position.sequence + 1:
            return verify_record(position, ledger.record).position
    raise DamagedArchive(f"ledger {position.sequence + 1} is missing in its checkpoint")
