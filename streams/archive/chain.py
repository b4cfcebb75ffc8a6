"""Following an archive's headers without its bodies. Pure.

A header proves all before it, because each names the last. So a certificate is looked at where it
matters: at the end of each checkpoint, and where a header changes the quorum set; there the body is
read too.
"""

from dataclasses import replace

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


def follow_headers(
    position: ChainPosition, checkpoint: Checkpoint, read: Read, last: int
) -> ChainPosition:
    """From `position` on, which lies in the checkpoint or at its beginning, to ledger `last` or to
    the checkpoint's end. Raises `ForgedLedger` and `DamagedArchive`.
    """
    if not checkpoint.first_sequence <= position.sequence + 1 <= checkpoint.last_sequence:
        raise DamagedArchive(f"ledger {position.sequence + 1} is missing between checkpoints")
    headers, certificates = read_headers(checkpoint, read), read_certificates(checkpoint, read)
    skipped = position.sequence + 1 - checkpoint.first_sequence
    end = min(last, checkpoint.last_sequence) - checkpoint.first_sequence + 1
    for number in range(skipped, end):
        is_end = number == end - 1
        position = _follow(
            position, checkpoint, read, headers[number], certificates[number], is_end
        )
    return position


def _follow(
    position: ChainPosition,
    checkpoint: Checkpoint,
    read: Read,
    raw: bytes,
    certificate: Certificate,
    is_end: bool,
) -> ChainPosition:
    header, header_hash = verify_header(position, raw), compute_hash(raw)
    if header.quorum_set_hash != compute_hash(encode(position.quorum_set)):
        for ledger in read_ledgers(checkpoint, read):
            if ledger.sequence == header.sequence:
                return verify_record(position, ledger.record).position
    if is_end:
        verify_certificate(position, header, header_hash, certificate)
    return replace(
        position,
        sequence=header.sequence,
        header_hash=header_hash,
        close_time_ms=header.close_time_ms,
    )
