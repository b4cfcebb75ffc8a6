"""What is to be done about transfers that stand, by the ledger and final blocks. Pure.

A transfer is confirmed when enough signatures are true; settled on what final blocks show, never
on time or on an endpoint's word that something failed; closed when that lies deep.
"""

from collections.abc import Iterator
from typing import Any

from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.transfers.desk import Desk, Found
from processors.psim.transfers.ledger import (
    find_coin_asset,
    find_keyset,
    find_payload,
    find_valid_slots,
)
from processors.psim.view import LedgerView
from schemas.generated.common import Amount, Hash, TransferOutcome, TransferPurpose
from schemas.generated.entries import ExternalTransfer, ReviewableRequest, TransferState
from schemas.generated.operations import (
    CloseExternalTransfer,
    ConfirmExternalTransfer,
    NetworkFee,
    ReplaceExternalTransfer,
    ReviewAction,
    ReviewRequest,
    SettledOutcome,
    SettleExternalTransfer,
    UnknownOutcome,
)

UNKNOWN_MS = 30 * 60 * 1000
"""A transfer of which nobody knows what came of it so long after it was committed is said to be
unknown. That changes nothing of what becomes of it."""
SUBMITTED_MS = 60 * 1000
"""The same of what a submitter has taken to a bank."""
BUMP_MS = 20 * 60 * 1000
"""So long a version may wait to be mined before the next one pays more."""
BUMPS_MAX = 8
PINNED_AFTER = 3
"""After so many versions without effect somebody has to look."""
CANCEL_MS = 60_000
"""So long what fails may begin to work again before it is cancelled."""


def find_intents(view: LedgerView, desk: Desk, transfer: ExternalTransfer) -> list[Intent]:
    """Of one transfer; at most one of them can be taken."""
    number = int(transfer.transfer_id)
    found = desk.found.get(number)
    if transfer.state is TransferState.SETTLED:
        return list(_close(view, desk, transfer, found))
    if found is not None:
        return [make_settlement(view, transfer, found)]
    return [
        *_confirm(view, transfer),
        *_note_unknown(view, transfer, desk),
        *_bump(view, transfer, desk),
        *_cancel(view, transfer, desk),
    ]


def make_settlement(view: LedgerView, transfer: ExternalTransfer, found: Found) -> Intent:
    """Whose effect came to nothing by its own fault is given back in the same transaction: nobody
    can commit the request again in between."""
    asset = find_coin_asset(view, transfer.chain_id)
    fee = None if asset is None or not found.fee else NetworkFee(asset, Amount(found.fee))
    result = SettledOutcome(found.outcome, found.evidence)
    settle: Any = SettleExternalTransfer(transfer.transfer_id, result, fee)
    bodies = (settle, *_reject_after(view, transfer, found))
    key = compute_evidence_key("settle", transfer.chain_id, int(transfer.transfer_id))
    return Intent(key, "settle_external_transfer", bodies)


def _reject_after(
    view: LedgerView, transfer: ExternalTransfer, found: Found
) -> Iterator[ReviewRequest]:
    is_cancelled = transfer.cancel is not None and found.outcome is TransferOutcome.CONFLICTED
    if found.outcome is TransferOutcome.INEFFECTIVE or is_cancelled:
        reason = "CANCELLED" if is_cancelled else "INEFFECTIVE"
        for number in transfer.requests:
            withdrawal = view.withdrawals.get(number)
            if withdrawal is not None:
                yield make_rejection(withdrawal.request, reason)


def make_rejection(request: ReviewableRequest, reason: str) -> ReviewRequest:
    return ReviewRequest(
        request_id=request.request_id,
        sequence_number=request.sequence_number,
        request_hash=request.request_hash,
        action=ReviewAction.PERMANENT_REJECT,
        reason=reason,
        tasks_to_add=0,
        tasks_to_remove=0,
        external_details=(),
    )


def _close(
    view: LedgerView, desk: Desk, transfer: ExternalTransfer, found: Found | None
) -> Iterator[Intent]:
    """A transfer and its cancel at once: what became of one is known by the other."""
    is_deep = found is not None and found.height + desk.depth <= desk.final
    parent = None if transfer.parent is None else view.transfers.get(transfer.parent)
    if not is_deep or transfer.cancel is not None:
        return
    if parent is not None and parent.state is not TransferState.SETTLED:
        return
    closed = (transfer,) if parent is None else (transfer, parent)
    key = compute_evidence_key("close", transfer.chain_id, int(transfer.transfer_id))
    bodies = tuple(CloseExternalTransfer(each.transfer_id) for each in closed)
    yield Intent(key, "close_external_transfer", bodies)


def _confirm(view: LedgerView, transfer: ExternalTransfer) -> Iterator[Intent]:
    """The lowest slots, so that all name the same ones as soon as they know the same ledger."""
    version = len(transfer.versions)
    keyset = find_keyset(view, transfer, version)
    if transfer.state is not TransferState.COMMITTED or keyset is None:
        return
    slots = tuple(sorted(find_valid_slots(view, transfer, version))[: keyset.threshold])
    if len(slots) < keyset.threshold:
        return
    number = int(transfer.transfer_id)
    key = compute_evidence_key("confirm", transfer.chain_id, number, version, bytes(slots))
    body = ConfirmExternalTransfer(transfer.transfer_id, version, slots)
    yield Intent(key, "confirm_external_transfer", (body,))


def _note_unknown(view: LedgerView, transfer: ExternalTransfer, desk: Desk) -> Iterator[Intent]:
    is_late = view.close_time_ms - transfer.created_at_ms >= UNKNOWN_MS
    if transfer.submitted_at_ms is not None:
        is_late |= view.close_time_ms - transfer.submitted_at_ms >= SUBMITTED_MS
    if transfer.state is TransferState.CONFIRMED and is_late and not _is_mined(transfer, desk):
        key = compute_evidence_key("unknown", transfer.chain_id, int(transfer.transfer_id))
        body = SettleExternalTransfer(transfer.transfer_id, UnknownOutcome(), None)
        yield Intent(key, "settle_external_transfer", (body,))


def _bump(view: LedgerView, transfer: ExternalTransfer, desk: Desk) -> Iterator[Intent]:
    """By the payload before alone, so that all make the same one."""
    if not is_bump_due(view, transfer) or _is_mined(transfer, desk):
        return
    bump = desk.make_bump(view, transfer)
    if bump is not None:
        version, number = len(transfer.versions), int(transfer.transfer_id)
        key = compute_evidence_key("bump", transfer.chain_id, number, version)
        body = ReplaceExternalTransfer(transfer.transfer_id, version, bump.resources, bump.payload)
        yield Intent(key, "replace_external_transfer", (body,))


def is_bump_due(view: LedgerView, transfer: ExternalTransfer) -> bool:
    version = len(transfer.versions)
    is_sent = transfer.state in (TransferState.CONFIRMED, TransferState.UNKNOWN)
    waited_ms = view.close_time_ms - transfer.created_at_ms
    return is_sent and version <= BUMPS_MAX and waited_ms >= version * BUMP_MS


def is_pinned(view: LedgerView, transfer: ExternalTransfer) -> bool:
    """Whether paying more has not helped for long."""
    return view.close_time_ms - transfer.created_at_ms >= PINNED_AFTER * BUMP_MS


def _cancel(view: LedgerView, transfer: ExternalTransfer, desk: Desk) -> Iterator[Intent]:
    is_cancel = transfer.purpose is TransferPurpose.CANCEL
    is_early = view.close_time_ms - transfer.created_at_ms < CANCEL_MS
    if is_cancel or is_early or transfer.cancel is not None or _is_mined(transfer, desk):
        return
    body = desk.make_cancel(view, transfer)
    if body is not None:
        key = compute_evidence_key("cancel", transfer.chain_id, int(transfer.transfer_id))
        yield Intent(key, "create_external_transfer", (body,))


def _is_mined(transfer: ExternalTransfer, desk: Desk) -> bool:
    return int(transfer.transfer_id) in desk.mined


def find_sendable(
    view: LedgerView, desk: Desk, transfer: ExternalTransfer
) -> tuple[int, tuple[int, ...]] | None:
    """The newest version that was confirmed, and its slots: what is sent until it is mined. What
    another transfer cancels is sent no more."""
    if transfer.state is TransferState.SETTLED or int(transfer.transfer_id) in desk.found:
        return None
    cancel = None if transfer.cancel is None else view.transfers.get(transfer.cancel)
    if cancel is not None:
        return None
    for number in range(len(transfer.versions), 0, -1):
        confirmed = transfer.versions[number - 1].confirmed
        if confirmed and find_payload(view, transfer, number) is not None:
            return number, confirmed
    return None


def make_create_key(body: Any, payload_hash: bytes) -> Hash:
    """Of a proposal: its payload names all that it does."""
    return compute_evidence_key(
        "transfer", body.chain_id, body.purpose.name, payload_hash, *map(int, body.requests)
    )
