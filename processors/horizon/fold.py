"""Folding: a verified ledger to rows of the history tables and to changes of current state.

Pure: the same ledger gives the same rows, whatever was folded before it. Which tables there are
says history.sql; the order of columns here is the order there. It knows no database.
"""

from collections.abc import Callable
from typing import NamedTuple

from processors.horizon.rates import RateRow, fold_rate
from processors.horizon.requests import RequestRow, add_entries, fold_request
from processors.horizon.transfers import TransferEventRow, fold_event
from processors.ledger_feed.body import AppliedSlices, Change, cut_body
from schemas.assembly import get_type_name
from schemas.binary import read_bytes, read_count, read_string
from schemas.codec import encode
from schemas.contract import OPERATIONS, ReferenceKind
from schemas.description import load_contract
from schemas.generated import skips
from schemas.generated.bounds import (
    TRANSACTION_ENVELOPE_TRANSACTION_LENGTH_MAX,
    TRANSACTION_MEMO_LENGTH_MAX,
    TRANSACTION_OPERATIONS_ITEMS_MAX,
)
from schemas.generated.common import read_Reference
from schemas.generated.entries import read_Balance
from schemas.generated.keys import BALANCE
from schemas.generated.ledger import BalanceMovement, PriceChange, RequestChange, TransferChange
from schemas.generated.transactions import TransactionCode
from streams.ledger.chain import VerifiedLedger
from streams.ledger.fees import NOTHING
from streams.ledger.hashes import compute_hash
from streams.ledger.references import compute_bucket_number

LEDGER_SHIFT = 32
TRANSACTION_SHIFT = 12
# network_id, source_account, salt, min_time_ms, max_time_ms; then the memo.
SOURCE_AT, MEMO_AT = 32, 88
NO_SOURCE_BYTES, SOURCE_BYTES = 1, 33
UNCHANGED = (None, None)

Row = tuple[object, ...]
ReferenceRow = tuple[int, bytes, bytes, int]  # bucket, sender, text, operation id


OPERATION_TYPES: tuple[str, ...] = tuple(row.stem for row in OPERATIONS)
"""By branch of Operation.body."""


class _ReferenceField(NamedTuple):
    """Where an operation's body holds its reference."""

    kind: ReferenceKind
    locate: Callable[[bytes, int], int]
    is_optional: bool


def _find_reference_fields() -> dict[str, _ReferenceField]:
    """By type of operation."""
    found = {}
    for row in OPERATIONS:
        name = get_type_name(row.stem)
        for field in load_contract()[f"operations.{name}"]["fields"]:
            if "reference_kind" in field:
                kind = ReferenceKind[field["reference_kind"].upper()]
                locate = getattr(skips, f"locate_{name}_{field['name']}")
                found[row.stem] = _ReferenceField(kind, locate, isinstance(field["type"], list))
    return found


REFERENCE_FIELDS = _find_reference_fields()


class LedgerRows(NamedTuple):
    """What one ledger adds. `changes`: the last of each entry it changed, in order."""

    sequence: int
    ledger: Row
    transactions: list[Row]
    operations: list[Row]
    participants: list[Row]
    movements: list[Row]
    references: list[ReferenceRow]
    requests: dict[int, RequestRow]
    transfer_events: list[TransferEventRow]
    rates: list[RateRow]
    changes: dict[bytes, bytes | None]


class _OperationSlice(NamedTuple):
    body: bytes
    source: bytes
    type: str


def fold_ledger(verified: VerifiedLedger) -> LedgerRows:
    """All rows of one ledger. Raises `Malformed` if its body is not one."""
    header = verified.header
    body = cut_body(verified.record.body)
    rows = LedgerRows(header.sequence, (), [], [], [], [], [], {}, [], [], {})
    for index, applied in enumerate(body.transactions, start=1):
        _fold_transaction(rows, applied, index, header.close_time_ms)
        _fold_changes(rows, applied.changes)
    _fold_changes(rows, body.changes)
    add_entries(rows.requests, rows.changes)
    ledger = (
        header.sequence,
        verified.header_hash,
        header.previous_header_hash,
        header.close_time_ms,
        header.transaction_count,
        len(rows.operations),
        header.state_root,
        verified.record.header,
        encode(verified.record.certificate),
    )
    return rows._replace(ledger=ledger)


def _fold_changes(rows: LedgerRows, changes: list[Change]) -> None:
    rows.changes.update(changes)


def _fold_transaction(
    rows: LedgerRows, applied: AppliedSlices, index: int, close_time_ms: int
) -> None:
    sequence = rows.sequence
    transaction_id = sequence << LEDGER_SHIFT | index << TRANSACTION_SHIFT
    transaction, _ = read_bytes(applied.envelope, 0, TRANSACTION_ENVELOPE_TRANSACTION_LENGTH_MAX)
    source = transaction[SOURCE_AT : SOURCE_AT + 32]
    memo, at = read_string(transaction, MEMO_AT, TRANSACTION_MEMO_LENGTH_MAX)
    operations = _cut_operations(transaction, at, source)
    rows.transactions.append(
        (
            transaction_id,
            sequence,
            applied.transaction_hash,
            compute_hash(applied.envelope),
            source,
            memo.encode(),
            applied.code.name,
            applied.envelope,
            applied.result,
            close_time_ms,
            len(operations),
        )
    )
    outcomes: list[bytes | None] = [*applied.outcomes]
    outcomes += [None] * (len(operations) - len(outcomes))  # INTERNAL_ERROR tells none
    is_success = applied.code is TransactionCode.SUCCESS
    participants = [{each.source: None} for each in operations]
    _fold_effects(rows, applied, transaction_id, participants, close_time_ms)
    for place, (each, outcome) in enumerate(zip(operations, outcomes, strict=True), start=1):
        operation_id = transaction_id | place
        rows.operations.append(
            (
                operation_id,
                transaction_id,
                sequence,
                applied.transaction_hash,
                each.source,
                each.type,
                each.body,
                outcome,
                is_success,
                close_time_ms,
            )
        )
        rows.participants.extend((account, operation_id) for account in participants[place - 1])
        if is_success and each.type in REFERENCE_FIELDS:
            _fold_reference(rows, each, operation_id)


def _fold_reference(rows: LedgerRows, operation: _OperationSlice, operation_id: int) -> None:
    field, body = REFERENCE_FIELDS[operation.type], operation.body
    start = SOURCE_BYTES if body[0] else NO_SOURCE_BYTES
    at = field.locate(body, start + 1)
    if field.is_optional:
        if not body[at]:
            return
        at += 1
    reference, _ = read_Reference(body, at)
    bucket = compute_bucket_number((field.kind, reference.day))
    rows.references.append((bucket, operation.source, reference.text.encode(), operation_id))


def _fold_effects(
    rows: LedgerRows,
    applied: AppliedSlices,
    transaction_id: int,
    participants: list[dict[bytes, None]],
    close_time_ms: int,
) -> None:
    """`participants` (by operation, in order, once each) grows by whom effects name."""
    after = _read_balances(applied.changes) if applied.effects else {}
    for effect in applied.effects:
        participants[effect.operation_index][effect.account_id] = None
        movement = effect.detail
        if isinstance(movement, RequestChange):
            operation_id = transaction_id | effect.operation_index + 1
            fold_request(rows.requests, effect.account_id, movement, operation_id, close_time_ms)
        elif isinstance(movement, TransferChange):
            operation_id = transaction_id | effect.operation_index + 1
            first = rows.sequence << LEDGER_SHIFT
            fold_event(rows.transfer_events, first, movement, operation_id, close_time_ms)
        elif isinstance(movement, PriceChange):
            operation_id = transaction_id | effect.operation_index + 1
            first, setter = rows.sequence << LEDGER_SHIFT, effect.account_id
            fold_rate(rows.rates, first, setter, movement, operation_id, close_time_ms)
        if not isinstance(movement, BalanceMovement):
            continue
        fee = movement.fee or NOTHING
        rows.movements.append(
            (
                rows.sequence << LEDGER_SHIFT | len(rows.movements) + 1,
                transaction_id | effect.operation_index + 1,
                effect.account_id,
                movement.balance_id,
                movement.asset,
                effect.kind.name,
                movement.amount,
                fee.fixed,
                fee.percent,
                *after.get(movement.balance_id, UNCHANGED),
                close_time_ms,
            )
        )


def _read_balances(changes: list[Change]) -> dict[bytes, tuple[int, int]]:
    """What may be spent and what is locked, after the transaction, of the balances it changed."""
    found: dict[bytes, tuple[int, int]] = {}
    for key, after in changes:
        if key[0] == BALANCE[0] and after is not None:  # no balance is ever removed
            balance, _ = read_Balance(after, 1)
            found[key[1:]] = (balance.amount, balance.locked)
    return found


def _cut_operations(transaction: bytes, at: int, source: bytes) -> list[_OperationSlice]:
    count, at = read_count(transaction, at, TRANSACTION_OPERATIONS_ITEMS_MAX)
    if count == 1:  # what most transactions hold: it ends where the array's end mark begins
        return [_cut_operation(transaction[at:-1], source)]
    operations = []
    for _ in range(count):
        end = skips.skip_Operation(transaction, at)
        operations.append(_cut_operation(transaction[at:end], source))
        at = end
    return operations


def _cut_operation(operation: bytes, source: bytes) -> _OperationSlice:
    if operation[0]:
        branch = operation[SOURCE_BYTES] >> 1
        return _OperationSlice(operation, operation[1:SOURCE_BYTES], OPERATION_TYPES[branch])
    return _OperationSlice(operation, source, OPERATION_TYPES[operation[NO_SOURCE_BYTES] >> 1])
