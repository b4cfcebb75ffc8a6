"""Reviewable requests as rows: also those that have ended and left the state.

A request's row says what it asks for as it stood last, what came of it, and which operations made
and changed it last. One that was fulfilled by the operation that made it never stood in the state:
its row has no entry.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from psycopg import sql

from processors.horizon.schema import Connection
from schemas.codec import decode
from schemas.generated.entries import ReviewableRequest
from schemas.generated.keys import reviewable_request_key
from schemas.generated.ledger import LedgerEntry, RequestChange, RequestEvent
from schemas.generated.operations import PaymentToAccount, PaymentToBalance
from schemas.generated.requests import (
    AmlAlertRequest,
    ChangeRoleRequest,
    IssuanceRequest,
    KycRecoveryRequest,
    PaymentRequest,
    RedemptionRequest,
    WithdrawalRequest,
)

STATES = {
    RequestEvent.CREATED: "PENDING",
    RequestEvent.EDITED: "PENDING",
    RequestEvent.TASKS_CHANGED: "PENDING",
    RequestEvent.FULFILLED: "APPROVED",
    RequestEvent.REJECTED: "REJECTED",
    RequestEvent.PERMANENTLY_REJECTED: "PERMANENTLY_REJECTED",
    RequestEvent.CANCELLED: "CANCELLED",
    RequestEvent.UNKNOWN: "UNKNOWN",
}
REQUESTS = {
    "request_id": "bigint",
    "kind": "text",
    "requestor": "bytea",
    "reviewer": "bytea",
    "asset": "text",
    "balance_id": "bytea",
    "destination": "bytea",
    "role_id": "numeric",
    "state": "text",
    "all_tasks": "bigint",
    "pending_tasks": "bigint",
    "entry": "bytea",
    "created_by": "bigint",
    "created_at_ms": "bigint",
    "changed_by": "bigint",
    "changed_at_ms": "bigint",
}
"""Columns and their types."""
KEPT = ("request_id", "kind", "requestor", "created_by", "created_at_ms")
ABOUT_THE_ENTRY = (
    *("reviewer", "asset", "balance_id", "destination", "role_id"),
    *("all_tasks", "entry"),
)


class Details(NamedTuple):
    """What a request's body names: the balance it is about, the account or balance that is to
    receive, and the account's new role."""

    balance_id: bytes | None = None
    destination: bytes | None = None
    role_id: int | None = None


class RequestRow(NamedTuple):
    """One row of the table; what is None of the entry stays as it was."""

    request_id: int
    kind: str
    requestor: bytes
    reviewer: bytes | None
    asset: str | None
    balance_id: bytes | None
    destination: bytes | None
    role_id: int | None
    state: str
    all_tasks: int | None
    pending_tasks: int
    entry: bytes | None
    created_by: int
    created_at_ms: int
    changed_by: int
    changed_at_ms: int


def fold_request(
    rows: dict[int, RequestRow],
    requestor: bytes,
    change: RequestChange,
    operation_id: int,
    close_time_ms: int,
) -> None:
    """Notes what happened to a request. `rows`: those that the ledger has touched so far."""
    known = rows.get(change.request_id)
    rows[change.request_id] = RequestRow(
        request_id=change.request_id,
        kind=change.kind,
        requestor=requestor,
        reviewer=None,
        asset=None,
        **Details()._asdict(),
        state=STATES[change.event],
        all_tasks=None,
        pending_tasks=change.pending_tasks,
        entry=None,
        created_by=operation_id if known is None else known.created_by,
        created_at_ms=close_time_ms if known is None else known.created_at_ms,
        changed_by=operation_id,
        changed_at_ms=close_time_ms,
    )


def add_entries(rows: dict[int, RequestRow], changes: Mapping[bytes, bytes | None]) -> None:
    """Adds what the requests ask for, from the entries after the ledger."""
    for request_id, row in rows.items():
        raw = changes.get(reviewable_request_key(request_id))
        if raw is None:
            continue
        entry = decode(LedgerEntry, raw).data
        if isinstance(entry, ReviewableRequest):
            rows[request_id] = row._replace(
                reviewer=bytes(entry.reviewer),
                asset=get_asset(entry.body),
                **get_details(entry.body)._asdict(),
                all_tasks=entry.all_tasks,
                entry=raw,
            )


def get_asset(body: Any) -> str | None:
    """The code that a request's body names, if it names one asset."""
    asset = getattr(body, "asset", None)
    code = getattr(asset, "code", asset)
    return code if isinstance(code, str) else None


def get_details(body: Any) -> Details:
    """What filters find a request of that body by."""
    match body:
        case IssuanceRequest(receiver=balance):
            return Details(balance)
        case WithdrawalRequest(balance_id=balance) | AmlAlertRequest(balance_id=balance):
            return Details(balance)
        case RedemptionRequest(source_balance=balance, destination=account):
            return Details(balance, account)
        case PaymentRequest(
            source_balance=balance, destination=PaymentToAccount(payee) | PaymentToBalance(payee)
        ):
            return Details(balance, payee)
        case ChangeRoleRequest(destination=account, role_id=role_id):
            return Details(None, account, role_id)
        case KycRecoveryRequest(account_id=account):
            return Details(None, account)
    return Details()


def merge_requests(ledgers: Iterable[Mapping[int, RequestRow]]) -> list[RequestRow]:
    """One row for each request that several ledgers touched."""
    merged: dict[int, RequestRow] = {}
    for rows in ledgers:
        for request_id, row in rows.items():
            known = merged.get(request_id)
            if known is not None:
                kept = {name: getattr(known, name) for name in KEPT}
                old = {n: getattr(known, n) for n in ABOUT_THE_ENTRY if getattr(row, n) is None}
                row = row._replace(**kept, **old)  # noqa: PLW2901 - the row as it is then
            merged[request_id] = row
    return list(merged.values())


def write_requests(connection: Connection, schema: str, rows: list[RequestRow]) -> None:
    """Makes or changes the rows, within the transaction of the ledgers."""
    if not rows:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, REQUESTS))
    arrays = sql.SQL(", ").join(sql.SQL("%s::" + each + "[]") for each in REQUESTS.values())
    updates = sql.SQL(", ").join(map(_update, (each for each in REQUESTS if each not in KEPT)))
    query = sql.SQL(
        "INSERT INTO {table} AS old ({names}) SELECT * FROM unnest({arrays})"
        " ON CONFLICT (request_id) DO UPDATE SET {updates}"
    ).format(table=sql.Identifier(schema, "requests"), names=names, arrays=arrays, updates=updates)
    connection.execute(query, [list(column) for column in zip(*rows, strict=True)])


def _update(name: str) -> sql.Composable:
    value = (
        "coalesce(excluded.{name}, old.{name})" if name in ABOUT_THE_ENTRY else "excluded.{name}"
    )
    return sql.SQL("{name} = " + value).format(name=sql.Identifier(name))
