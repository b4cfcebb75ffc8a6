"""What a record of a ledgers topic is to who has folded everything up to a position.

Pure, and the only place that decides it. A record is the next ledger, a repeat of one folded
before, or lies beyond ledgers that were not seen; anything else is forged or forked, and whoever
follows must stop. It knows no topic, no offset and no view.
"""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.codec import Malformed, decode, unframe
from schemas.generated.common import Hash
from schemas.generated.ledger import LedgerHeader, LedgerRecord
from streams.ledger.chain import ChainPosition, ForgedLedger, VerifiedLedger, verify_record
from streams.ledger.hashes import compute_hash


@dataclass(slots=True, frozen=True)
class Repeat:
    """A ledger that was folded before, equal in header and body."""

    sequence: int


@dataclass(slots=True, frozen=True)
class Gap:
    """The record is `last` + 1; the ledgers `first` to `last` come before it."""

    first: int
    last: int


def follow(
    position: ChainPosition,
    data: bytes,
    genesis_hash: Hash,
    get_header_hash: Callable[[int], Hash | None],
) -> VerifiedLedger | Repeat | Gap:
    """`data`: a framed LedgerRecord. `get_header_hash`: of a ledger folded before, by sequence.

    Raises `ForgedLedger`. A `Gap` says nothing about the record itself: it is verified when the
    gap is filled.
    """
    record = decode_record(data)
    header = _decode_header(record)
    if header.sequence > position.sequence + 1:
        return Gap(position.sequence + 1, header.sequence - 1)
    if header.sequence == position.sequence + 1:
        return verify_record(position, record, genesis_hash)
    if compute_hash(record.header) != get_header_hash(header.sequence):
        raise ForgedLedger(f"ledger {header.sequence}: another one was folded: the chain forked")
    if compute_hash(record.body) != header.body_hash:
        raise ForgedLedger(f"ledger {header.sequence}: the body is not the header's")
    return Repeat(header.sequence)


def decode_record(data: bytes) -> LedgerRecord:
    """Raises `ForgedLedger`: nothing but ledgers is ever published on a ledgers topic."""
    try:
        return unframe(LedgerRecord, data)
    except Malformed as error:
        raise ForgedLedger(f"a record cannot be read: {error}") from None


def get_sequence(data: bytes) -> int:
    """The ledger a record claims to be. Raises `ForgedLedger`."""
    return _decode_header(decode_record(data)).sequence


def _decode_header(record: LedgerRecord) -> LedgerHeader:
    try:
        return decode(LedgerHeader, record.header)
    except Malformed as error:
        raise ForgedLedger(f"a record's header cannot be read: {error}") from None
