"""A ledger's body, cut into the slices that readers keep.

They store most of a body as the bytes it came in, so decoding all of it only to encode it
again would be wasted: here each part's end is found (`schemas.generated.skips`) and its bytes are
taken. The counterpart of streams/ledger/body.py, held against `decode(LedgerBody, ...)` by a test.
Pure; it relies on bodies whose hash a certified header holds, and raises `Malformed` for what is no
body at all.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.binary import Malformed, read_array_end, read_bytes, read_count
from schemas.generated.bounds import (
    APPLIED_TRANSACTION_ENVELOPE_LENGTH_MAX,
    LEDGER_BODY_TRANSACTIONS_ITEMS_MAX,
    LEDGER_BODY_UPGRADES_ITEMS_MAX,
    LEDGER_BODY_UPGRADES_LENGTH_MAX,
    TRANSACTION_RESULT_OPERATIONS_ITEMS_MAX,
)
from schemas.generated.ledger import ParticipantEffect, read_ParticipantEffect
from schemas.generated.skips import skip_LedgerEntry, skip_LedgerKey, skip_OperationResult
from schemas.generated.transactions import TransactionCode, read_TransactionCode

ITEMS_MAX = 1 << 20

Change = tuple[bytes, bytes | None]
"""An entry's LedgerKey bytes and its LedgerEntry bytes after the change; None: it was removed."""


class AppliedSlices(NamedTuple):
    """One AppliedTransaction; `outcomes` are its OperationResults."""

    envelope: bytes
    transaction_hash: bytes
    code: TransactionCode
    result: bytes
    outcomes: list[bytes]
    changes: list[Change]
    effects: list[ParticipantEffect]


class BodySlices(NamedTuple):
    """A LedgerBody."""

    transactions: list[AppliedSlices]
    changes: list[Change]


def cut_body(data: bytes) -> BodySlices:
    """The slices of a LedgerBody's bytes. Raises `Malformed`."""
    try:
        transactions, at = _read_array(data, 0, LEDGER_BODY_TRANSACTIONS_ITEMS_MAX, _read_applied)
        changes, at = _read_array(data, at, ITEMS_MAX, _read_change)
        at = skip_upgrades(data, at)
    except (IndexError, UnicodeDecodeError) as error:
        raise Malformed(f"LedgerBody: {error}") from None
    if at != len(data):
        raise Malformed("LedgerBody: it does not end where its bytes end")
    return BodySlices(transactions, changes)


def skip_upgrades(data: bytes, at: int) -> int:
    """The end of a body's upgrades: readers need what they changed, not what was voted. Raises
    `Malformed`."""
    count, at = read_count(data, at, LEDGER_BODY_UPGRADES_ITEMS_MAX)
    for _ in range(count):
        _, at = read_bytes(data, at, LEDGER_BODY_UPGRADES_LENGTH_MAX)
    return read_array_end(data, at) if count else at


def _read_array(
    data: bytes, at: int, maximum: int, read: Callable[[bytes, int], tuple[Any, int]]
) -> tuple[list[Any], int]:
    count, at = read_count(data, at, maximum)
    if not count:
        return [], at
    items = []
    for _ in range(count):
        item, at = read(data, at)
        items.append(item)
    return items, read_array_end(data, at)


def _read_applied(data: bytes, at: int) -> tuple[AppliedSlices, int]:
    envelope, at = read_bytes(data, at, APPLIED_TRANSACTION_ENVELOPE_LENGTH_MAX)
    transaction_hash = data[at : at + 32]
    start = at + 32
    code, at = read_TransactionCode(data, start)
    outcomes, at = _read_array(data, at, TRANSACTION_RESULT_OPERATIONS_ITEMS_MAX, _read_outcome)
    result = data[start:at]
    changes, at = _read_array(data, at, ITEMS_MAX, _read_change)
    effects, at = _read_array(data, at, ITEMS_MAX, read_ParticipantEffect)
    return AppliedSlices(envelope, transaction_hash, code, result, outcomes, changes, effects), at


def _read_outcome(data: bytes, at: int) -> tuple[bytes, int]:
    end = skip_OperationResult(data, at)
    return data[at:end], end


def _read_change(data: bytes, at: int) -> tuple[Change, int]:
    start = at
    at = skip_LedgerKey(data, at)
    key = data[start:at]
    at = skip_LedgerEntry(data, at + 1) if data[at] else at + 1
    if not data[at]:
        return (key, None), at + 1
    start = at + 1
    at = skip_LedgerEntry(data, start)
    return (key, data[start:at]), at
