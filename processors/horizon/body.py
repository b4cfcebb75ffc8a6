"""A ledger's body, cut into the slices that views keep.

Horizon stores most of a body as the bytes it came in, so decoding all of it only to encode it
again would be wasted: here each part's end is found and its bytes are taken. The counterpart of
streams/ledger/body.py, held against `decode(LedgerBody, ...)` by a test. Pure; it relies on
bodies whose hash a certified header holds, and raises `Malformed` for what is no body at all.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.binary import Malformed, read_array_end, read_bytes, read_count
from schemas.generated.ledger import (
    ParticipantEffect,
    read_LedgerEntry,
    read_LedgerKey,
    read_ParticipantEffect,
)
from schemas.generated.transactions import (
    TransactionCode,
    read_OperationResult,
    read_TransactionCode,
)
from streams.ledger.keys import USED_REFERENCE

ENVELOPE_BYTES_MAX = 262_144
TRANSACTIONS_MAX, ITEMS_MAX, OPERATIONS_MAX = 100_000, 1 << 20, 100
BALANCE = 20  # twice the index of Balance among the branches of LedgerEntry and LedgerKey
PAYMENT_RESULT = 12  # of OperationResult

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
        transactions, at = _read_array(data, 0, TRANSACTIONS_MAX, _read_applied)
        changes, at = _read_array(data, at, ITEMS_MAX, _read_change)
    except (IndexError, UnicodeDecodeError) as error:
        raise Malformed(f"LedgerBody: {error}") from None
    if at != len(data):
        raise Malformed("LedgerBody: it does not end where its bytes end")
    return BodySlices(transactions, changes)


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
    envelope, at = read_bytes(data, at, ENVELOPE_BYTES_MAX)
    transaction_hash = data[at : at + 32]
    start = at + 32
    code, at = read_TransactionCode(data, start)
    outcomes, at = _read_array(data, at, OPERATIONS_MAX, _read_outcome)
    result = data[start:at]
    changes, at = _read_array(data, at, ITEMS_MAX, _read_change)
    effects, at = _read_array(data, at, ITEMS_MAX, read_ParticipantEffect)
    return AppliedSlices(envelope, transaction_hash, code, result, outcomes, changes, effects), at


# What a payment makes is measured, not read. A byte below 0x80 is twice the length of a text.


def _read_outcome(data: bytes, at: int) -> tuple[bytes, int]:
    if data[at] == PAYMENT_RESULT:
        # Branch, two ids, the length of an asset code, the code, an amount, two fees; no `first`.
        end = at + 147 + (data[at + 65] >> 1)
        if not data[end - 1]:
            return data[at:end], end
    _, end = read_OperationResult(data, at)
    return data[at:end], end


def _read_change(data: bytes, at: int) -> tuple[Change, int]:
    start, kind = at, data[at]
    if kind == BALANCE:
        at += 33
    elif kind == USED_REFERENCE and data[at + 33] < 0x80:
        at += 34 + (data[at + 33] >> 1)
    else:
        _, at = read_LedgerKey(data, at)
    key = data[start:at]
    at = _skip_entry(data, at + 1) if data[at] else at + 1
    if not data[at]:
        return (key, None), at + 1
    start = at + 1
    at = _skip_entry(data, start)
    return (key, data[start:at]), at


def _skip_entry(data: bytes, at: int) -> int:
    """Where the entry at `at` ends."""
    kind = data[at]
    if kind == BALANCE:
        # Branch, balance id, account id, the length of an asset code, the code, amounts.
        return at + 98 + (data[at + 65] >> 1)
    if kind == USED_REFERENCE and data[at + 33] < 0x80:
        # Branch, account id, the length of the reference, the reference, a TransactionReference.
        return at + 74 + (data[at + 33] >> 1)
    return read_LedgerEntry(data, at)[1]
