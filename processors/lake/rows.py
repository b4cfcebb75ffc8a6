"""A ledger as rows of the lake's tables. Pure.

Amounts of movements are integers in the asset's smallest unit. Operations, results and entries are
readable JSON; entries also stand there as the bytes that the state root commits to.
"""

import json
from typing import Any, NamedTuple

from schemas.assembly import get_stem
from schemas.codec import decode, encode
from schemas.generated.entries import Asset, Balance
from schemas.generated.ledger import BalanceMovement, EntryChange, LedgerBody, ParticipantEffect
from schemas.generated.transactions import Transaction, TransactionEnvelope
from schemas.readable import Scales, show_account, show_balance, show_value
from streams.ledger.chain import VerifiedLedger

Row = dict[str, Any]


class Table(NamedTuple):
    """Columns and their types, as Arrow calls them."""

    name: str
    columns: dict[str, str]


TABLES = (
    Table(
        "ledgers",
        {
            "ledger": "uint64",
            "header_hash": "string",
            "previous_header_hash": "string",
            "close_time_ms": "uint64",
            "ledger_version": "uint32",
            "transaction_count": "uint32",
            "body_hash": "string",
            "state_root": "string",
        },
    ),
    Table(
        "transactions",
        {
            "ledger": "uint64",
            "transaction": "uint32",
            "hash": "string",
            "source": "string",
            "memo": "string",
            "max_time_ms": "uint64",
            "code": "string",
            "operations": "uint32",
        },
    ),
    Table(
        "operations",
        {
            "ledger": "uint64",
            "transaction": "uint32",
            "operation": "uint32",
            "source": "string",
            "type": "string",
            "body": "string",
            "result": "string",
        },
    ),
    Table(
        "movements",
        {
            "ledger": "uint64",
            "transaction": "uint32",
            "operation": "uint32",
            "account": "string",
            "kind": "string",
            "balance": "string",
            "asset": "string",
            "amount": "string",
            "fixed_fee": "string",
            "percent_fee": "string",
        },
    ),
    Table(
        "entries",
        {
            "ledger": "uint64",
            "transaction": "uint32",
            "type": "string",
            "key": "binary",
            "before": "binary",
            "after": "binary",
            "readable": "string",
        },
    ),
)


class LedgerRows:
    """Rows by table's name. `scales` grows by the assets and balances that ledgers create."""

    def __init__(self) -> None:
        self.scales = Scales()
        self.rows: dict[str, list[Row]] = {table.name: [] for table in TABLES}

    def take(self) -> dict[str, list[Row]]:
        """What was added since the last call."""
        taken, self.rows = self.rows, {table.name: [] for table in TABLES}
        return taken

    def add(self, verified: VerifiedLedger) -> None:
        header, sequence = verified.header, verified.header.sequence
        self.rows["ledgers"].append(
            {
                "ledger": sequence,
                "header_hash": verified.header_hash.hex(),
                "previous_header_hash": header.previous_header_hash.hex(),
                "close_time_ms": header.close_time_ms,
                "ledger_version": header.ledger_version,
                "transaction_count": header.transaction_count,
                "body_hash": header.body_hash.hex(),
                "state_root": header.state_root.hex(),
            }
        )
        body = decode(LedgerBody, verified.record.body)
        for change in body.changes:
            self._add_change(sequence, None, change)
        for index, applied in enumerate(body.transactions):
            for change in applied.changes:
                self._add_change(sequence, index, change)
            self._add_transaction(sequence, index, applied)
            for effect in applied.effects:
                self._add_movement(sequence, index, effect)

    def _add_transaction(self, sequence: int, index: int, applied: Any) -> None:
        envelope = decode(TransactionEnvelope, applied.envelope)
        transaction = decode(Transaction, envelope.transaction)
        self.rows["transactions"].append(
            {
                "ledger": sequence,
                "transaction": index,
                "hash": applied.transaction_hash.hex(),
                "source": show_account(transaction.source_account),
                "memo": transaction.memo,
                "max_time_ms": transaction.max_time_ms,
                "code": applied.result.code.name,
                "operations": len(transaction.operations),
            }
        )
        results = applied.result.operations
        for number, operation in enumerate(transaction.operations):
            source = operation.source or transaction.source_account
            result = results[number] if number < len(results) else None
            self.rows["operations"].append(
                {
                    "ledger": sequence,
                    "transaction": index,
                    "operation": number,
                    "source": show_account(source),
                    "type": get_stem(type(operation.body).__name__),
                    "body": self._show(operation.body),
                    "result": None if result is None else self._show(result),
                }
            )

    def _add_movement(self, sequence: int, index: int, effect: ParticipantEffect) -> None:
        movement = effect.detail
        if not isinstance(movement, BalanceMovement):
            return
        fee = movement.fee
        self.rows["movements"].append(
            {
                "ledger": sequence,
                "transaction": index,
                "operation": effect.operation_index,
                "account": show_account(effect.account_id),
                "kind": effect.kind.name,
                "balance": show_balance(movement.balance_id),
                "asset": movement.asset,
                "amount": str(movement.amount),
                "fixed_fee": None if fee is None else str(fee.fixed),
                "percent_fee": None if fee is None else str(fee.percent),
            }
        )

    def _add_change(self, sequence: int, index: int | None, change: EntryChange) -> None:
        entry = None if change.after is None else change.after.data
        if isinstance(entry, Asset):
            self.scales.digits[entry.code] = entry.trailing_digits
        if isinstance(entry, Balance):
            self.scales.assets[entry.balance_id] = entry.asset
        self.rows["entries"].append(
            {
                "ledger": sequence,
                "transaction": index,
                "type": get_stem(type(change.key.data).__name__.removesuffix("Key")),
                "key": encode(change.key),
                "before": None if change.before is None else encode(change.before),
                "after": None if change.after is None else encode(change.after),
                "readable": None if entry is None else self._show(entry),
            }
        )

    def _show(self, value: Any) -> str:
        return json.dumps(show_value(value, self.scales), ensure_ascii=False)
