"""CloseExternalTransfer: a settled transfer leaves the state once its outcome is final."""

from collections.abc import Iterator

from msgspec.structs import replace

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import ExternalTransfer, TransferState
from schemas.generated.keys import (
    KeyBytes,
    external_transfer_key,
    transfer_payload_key,
    transfer_signature_key,
    used_resource_key,
)
from schemas.generated.ledger import TransferEvent
from schemas.generated.operations import (
    CloseExternalTransfer,
    CloseExternalTransferCode,
    CloseExternalTransferResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements
from streams.ledger.border.transfers import (
    get_keyset,
    get_known_transfer,
    get_transfer_requirements,
    tell,
)
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import (
    BRANCH_BYTES,
    EFFECT_BYTES,
    OPTIONAL_BYTES,
    compute_change_bytes,
    compute_result_bytes,
)
from streams.ledger.state import LedgerDelta, LedgerState

IS_SIZED_BY_STATE = True
OUTPUT_BYTES = (
    compute_change_bytes(ExternalTransfer)  # the one that it cancels
    + EFFECT_BYTES
    + compute_result_bytes(CloseExternalTransferResult)
)


def validate(op: CloseExternalTransfer) -> CloseExternalTransferCode | None:  # noqa: ARG001 - a common form
    """Nothing can be wrong whatever the ledger says."""
    return None


def get_requirements(
    op: CloseExternalTransfer,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Removing transfers of this kind."""
    return get_transfer_requirements(state, op.transfer_id, Action.REMOVE)


def apply(
    op: CloseExternalTransfer,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Frees its resources. A cancel shares its parent's, so it is closed between the parent's
    settlement and closing."""
    transfer = get_known_transfer(delta, op.transfer_id)
    settled_at_ms = transfer.settled_at_ms
    if settled_at_ms is None or settled_at_ms >= context.ledger.close_time_ms:
        return refused(CloseExternalTransferCode.NOT_SETTLED)
    if transfer.cancel is not None:
        return refused(CloseExternalTransferCode.CANCEL_IS_OPEN)
    if transfer.parent is not None:
        parent = get_known_transfer(delta, transfer.parent)
        if parent.state is not TransferState.SETTLED:
            return refused(CloseExternalTransferCode.PARENT_IS_OPEN)
        delta.put(replace(parent, cancel=None))
    for key in list(_find_keys(delta, transfer)):
        delta.remove(key)
    tell(delta, source, transfer, TransferEvent.CLOSED)
    return succeeded(CloseExternalTransferResult())


def compute_output_bytes(op: CloseExternalTransfer, state: LedgerState | None) -> int:
    """The most bytes it can add to a ledger's body beside the envelope. What it removes does not
    change any more once it is settled, which it was before this ledger or is not closed."""
    transfer = None if state is None else state.get_external_transfer(op.transfer_id)
    if state is None or transfer is None or transfer.settled_at_ms is None:
        return OUTPUT_BYTES
    around = BRANCH_BYTES + 2 * OPTIONAL_BYTES
    removed = _find_keys(state, transfer)
    return OUTPUT_BYTES + sum(len(key) + len(state.encoded[key]) + around for key in removed)


def _find_keys(state: LedgerState, transfer: ExternalTransfer) -> Iterator[KeyBytes]:
    """All that is kept of it."""
    transfer_id = transfer.transfer_id
    for number, version in enumerate(transfer.versions, 1):
        if version.payload_version == number:
            yield transfer_payload_key(transfer_id, number)
        for each in get_keyset(state, transfer, number).cosigners:
            if state.get_transfer_signature(transfer_id, number, each.account_id) is not None:
                yield transfer_signature_key(transfer_id, number, each.account_id)
    yield from map(used_resource_key, transfer.resources)
    yield external_transfer_key(transfer_id)
