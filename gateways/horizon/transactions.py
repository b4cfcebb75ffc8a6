"""Transactions in ledgers, and the status of those that are not in one yet.

A transaction is shown to anybody who knows its hash, which is as good as a key: its salt is random,
and only its submitter, its participants and who may read transactions ever see it.
"""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.access import require_transaction_read
from gateways.horizon.filters import by_ledger
from gateways.horizon.ids import OPERATIONS_MAX
from gateways.horizon.operations import SUCCESS, get_code
from gateways.horizon.parameters import BY_ACCOUNT
from gateways.horizon.resource import (
    Rendered,
    ResourceCollection,
    get_row_id,
    list_route,
    one_route,
)
from gateways.horizon.responses import LATEST_LEDGER, respond_one
from gateways.horizon.service import Horizon
from gateways.horizon.status import Expectation, RejectionAttributes, Status, get_status
from gateways.http.jsonapi import Resource, relate
from gateways.http.keyset import Filter
from gateways.http.parameter_types import HASH, NUMBER
from gateways.http.problems import NOT_FOUND, Problem
from gateways.http.routes import UNCACHED, Call, Parameter
from schemas.assembly import get_stem
from schemas.codec import decode
from schemas.generated.transactions import Transaction, TransactionEnvelope, TransactionResult
from schemas.readable import show_account
from schemas.values import format_time


class OperationCodeAttributes(msgspec.Struct, frozen=True):
    """The outcome of one operation: SUCCESS or the symbol of its failure. `index` starts at 0."""

    index: int
    type: str
    code: str


class TransactionAttributes(msgspec.Struct, frozen=True):
    """A transaction in a ledger, or what is known of one that is not in a ledger yet.

    `status`: pending, success, failed, rejected (by most nodes, provisional) or expired.
    `is_final`: whether it can still change. `envelope`, `result`: bytes in base64.
    """

    hash: str
    status: str
    is_final: bool
    code: str | None = None
    operations: list[OperationCodeAttributes] = []
    ledger_sequence: str | None = None
    sequential_id: str | None = None
    closed_at: str | None = None
    close_time_ms: str | None = None
    source_account: str | None = None
    memo: str | None = None
    min_time: str | None = None
    max_time: str | None = None
    envelope_hash: str | None = None
    envelope: str | None = None
    result: str | None = None
    rejections: list[RejectionAttributes] = []


def render_transaction(row: Any) -> Resource[TransactionAttributes]:
    transaction = decode(Transaction, decode(TransactionEnvelope, row.envelope).transaction)
    result = decode(TransactionResult, row.result)
    source = show_account(row.source_account)
    attributes = TransactionAttributes(
        hash=row.transaction_hash.hex(),
        status="success" if row.result_code == SUCCESS else "failed",
        is_final=True,
        code=row.result_code,
        operations=render_codes(transaction, [get_code(each) for each in result.operations]),
        ledger_sequence=str(row.ledger_sequence),
        sequential_id=str(row.id),
        closed_at=format_time(row.close_time_ms),
        close_time_ms=str(row.close_time_ms),
        source_account=source,
        memo=row.memo.decode(),
        min_time=format_time(transaction.min_time_ms) if transaction.min_time_ms else None,
        max_time=format_time(transaction.max_time_ms),
        envelope_hash=row.envelope_hash.hex(),
        envelope=base64.b64encode(row.envelope).decode(),
        result=base64.b64encode(row.result).decode(),
    )
    relationships = {
        "source": relate("accounts", source),
        "ledger": relate("ledgers", str(row.ledger_sequence)),
    }
    return Resource("transactions", attributes.hash, attributes, relationships)


def render_codes(
    transaction: Transaction, codes: Sequence[str | None]
) -> list[OperationCodeAttributes]:
    """Codes by operation, SUCCESS for None. Empty where the ledger recorded none."""
    pairs = zip(transaction.operations, codes, strict=False)
    return [
        OperationCodeAttributes(index, get_stem(type(op.body).__name__), code or SUCCESS)
        for index, (op, code) in enumerate(pairs)
    ]


async def render_transactions(_: Horizon, rows: Sequence[Any]) -> Rendered:
    return [render_transaction(row) for row in rows]


def render_status(status: Status, expectation: Expectation) -> Resource[TransactionAttributes]:
    """The transaction as its ledger has it, or what is known of it so far."""
    if status.row is not None:
        return render_transaction(status.row)
    max_time, envelope_hash = expectation.max_time_ms, expectation.envelope_hash
    attributes = TransactionAttributes(
        hash=expectation.transaction_hash.hex(),
        status=status.word,
        is_final=status.word == "expired",
        code=status.code,
        max_time=None if max_time is None else format_time(max_time),
        envelope_hash=None if envelope_hash is None else envelope_hash.hex(),
        rejections=list(status.rejections),
    )
    return Resource("transactions", attributes.hash, attributes)


async def get_transaction(call: Call) -> Response:
    """Also the status of a pending one, at the address that its submission answered."""
    horizon: Horizon = call.service
    recent = horizon.recent.get(call.path["hash"], (None, None))
    expectation = Expectation(
        call.path["hash"],
        call.query.get("envelope_hash", recent[0]),
        call.query.get("max_time_ms", recent[1]),
    )
    status = await get_status(horizon, expectation)
    if status.word == "unknown":
        detail = f"no ledger up to {status.sequence} has a transaction with this hash"
        raise Problem(NOT_FOUND, detail, headers={LATEST_LEDGER: str(status.sequence)})
    return respond_one(call, render_status(status, expectation), status.snapshot)


def _walk_by_account(within: str, order: str, limit: int) -> str:
    """From the participants of operations, of which a transaction has at most OPERATIONS_MAX.

    So many times more rows are enough, and they bound what a page costs. Conditions on a
    transaction's id also hold for its operations, except the one at which the page begins.
    """
    rows, inner = (limit + 1) * OPERATIONS_MAX, within.replace("t.id", "operation_id")
    operations = (
        f"select operation_id from horizon.participants where account_id = %s{inner}"  # noqa: S608
        f" order by operation_id {order} limit {rows}"
    )
    keys = f"select distinct p.operation_id >> 12 << 12 as id from ({operations}) p"  # noqa: S608
    return f"{keys} order by id {order} limit {limit + 1}"


TRANSACTIONS = ResourceCollection(
    "transactions",
    "horizon.transactions t",
    "t.*",
    "t.id",
    NUMBER,
    (Filter(BY_ACCOUNT, "", walk=_walk_by_account), by_ledger("t.id")),
    render=render_transactions,
    get_key=get_row_id,
    require=require_transaction_read,
)

ROUTES = (
    list_route(
        "/v3/transactions",
        TRANSACTIONS,
        TransactionAttributes,
        "Transactions in ledgers. Those of an account have operations in its history.",
        streams=True,
    ),
    one_route(
        "/v3/transactions/{hash}",
        get_transaction,
        TransactionAttributes,
        "One transaction, or the status of one that is not in a ledger yet.",
        Parameter("hash", HASH, "The transaction's hash."),
        cache_control=UNCACHED,
        parameters=(
            Parameter("envelope_hash", HASH, "As in the Location of the submission."),
            Parameter("max_time_ms", NUMBER, "As in the Location of the submission."),
        ),
    ),
)
