"""Folds ledgers and events into rows of cases. Pure: equal input gives equal rows.

A case is a reviewable request for another role or for new signers. What the ledger says of it and
what events say of its commitment are rows of their own, so that their order does not matter; the
view `kyc.case_list` joins them.
"""

from collections.abc import Mapping
from typing import NamedTuple

from processors.ledger_feed.body import AppliedSlices, cut_body
from schemas.codec import decode
from schemas.generated.entries import ReviewableRequest
from schemas.generated.events import KycEvent
from schemas.generated.keys import reviewable_request_key
from schemas.generated.ledger import LedgerEntry, RequestChange, RequestEvent
from schemas.generated.operations import ReviewRequest
from schemas.generated.requests import ChangeRoleRequest, KycRecoveryRequest
from schemas.generated.transactions import Transaction, TransactionEnvelope

KINDS = ("change_role", "kyc_recovery")
STATES = {
    RequestEvent.CREATED: "SUBMITTED",
    RequestEvent.EDITED: "SUBMITTED",
    RequestEvent.TASKS_CHANGED: "SUBMITTED",
    RequestEvent.FULFILLED: "APPROVED",
    RequestEvent.REJECTED: "REJECTED",
    RequestEvent.PERMANENTLY_REJECTED: "REFUSED",
    RequestEvent.CANCELLED: "CANCELLED",
}
RECOVERED = "RECOVERED"


class CaseRow(NamedTuple):
    """What a ledger changes of a case; None: as it was. `reason`: of a rejection, as it was given.
    `reviewers`: the keys that signed the review."""

    request_id: int
    kind: str
    requestor: bytes
    state: str = ""
    pending_tasks: int = 0
    changed_at_ms: int = 0
    account_id: bytes | None = None
    role_id: int | None = None
    commitment: bytes | None = None
    schema_id: int | None = None
    sequence_number: int | None = None
    request_hash: bytes | None = None
    all_tasks: int | None = None
    created_at_ms: int | None = None
    reason: str | None = None
    reviewers: tuple[bytes, ...] | None = None


class EventRow(NamedTuple):
    """An event, as it is kept."""

    event_id: bytes
    kind: str
    account_id: bytes
    commitment: bytes | None
    codes: str
    at_ms: int


def fold_ledger(data: bytes, close_time_ms: int) -> list[CaseRow]:
    """The cases that a ledger's body has changed, each as it is after the ledger. Raises
    `Malformed`."""
    body = cut_body(data)
    rows: dict[int, CaseRow] = {}
    changes: dict[bytes, bytes | None] = {}
    for applied in body.transactions:
        changes.update(applied.changes)
        touched = _fold_effects(rows, applied, close_time_ms)
        if touched:
            _add_reviewers(rows, applied)
    changes.update(body.changes)
    return [_add_entry(row, changes) for row in rows.values()]


def fold_event(event: KycEvent) -> EventRow:
    return EventRow(
        bytes(event.event_id),
        event.kind.name,
        bytes(event.account_id),
        None if event.commitment is None else bytes(event.commitment),
        event.codes,
        event.at_ms,
    )


def _fold_effects(
    rows: dict[int, CaseRow], applied: AppliedSlices, close_time_ms: int
) -> list[int]:
    touched = []
    for effect in applied.effects:
        change = effect.detail
        if isinstance(change, RequestChange) and change.kind in KINDS and change.event in STATES:
            state = STATES[change.event]
            if change.kind == "kyc_recovery" and change.event is RequestEvent.FULFILLED:
                state = RECOVERED
            new = CaseRow(change.request_id, change.kind, bytes(effect.account_id))
            rows[change.request_id] = rows.get(change.request_id, new)._replace(
                state=state, pending_tasks=change.pending_tasks, changed_at_ms=close_time_ms
            )
            touched.append(change.request_id)
    return touched


def _add_reviewers(rows: dict[int, CaseRow], applied: AppliedSlices) -> None:
    """Who signed, of a transaction that reviews."""
    envelope = decode(TransactionEnvelope, applied.envelope)
    signers = tuple(sorted(bytes(each.signer) for each in envelope.signatures))
    for operation in decode(Transaction, envelope.transaction).operations:
        reviewed = operation.body
        if isinstance(reviewed, ReviewRequest) and reviewed.request_id in rows:
            row = rows[reviewed.request_id]
            rows[reviewed.request_id] = row._replace(reviewers=signers, reason=reviewed.reason)


def _add_entry(row: CaseRow, changes: Mapping[bytes, bytes | None]) -> CaseRow:
    """What is asked for, where the request stands after the ledger."""
    raw = changes.get(reviewable_request_key(row.request_id))
    entry = None if raw is None else decode(LedgerEntry, raw).data
    if not isinstance(entry, ReviewableRequest):
        return row
    body = entry.body
    role_id: int | None = None
    if isinstance(body, ChangeRoleRequest):
        account_id, role_id = body.destination, body.role_id
    elif isinstance(body, KycRecoveryRequest):
        account_id = body.account_id
    else:
        return row
    return row._replace(
        account_id=bytes(account_id),
        role_id=role_id,
        commitment=None if body.kyc is None else bytes(body.kyc.salted_hash),
        schema_id=None if body.kyc is None else body.kyc.schema_id,
        sequence_number=entry.sequence_number,
        request_hash=bytes(entry.request_hash),
        all_tasks=entry.all_tasks,
        pending_tasks=entry.pending_tasks,
        created_at_ms=entry.created_at_ms,
        reason=entry.reject_reason,
    )
