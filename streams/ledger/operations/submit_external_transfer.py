"""SubmitExternalTransfer: the named submitter uploads a bank's file, once."""

from msgspec.structs import replace

from schemas.generated.common import U64, AccountID, Action
from schemas.generated.entries import ExternalTransfer, TransferState
from schemas.generated.ledger import TransferEvent
from schemas.generated.operations import (
    SubmitExternalTransfer,
    SubmitExternalTransferCode,
    SubmitExternalTransferResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements
from streams.ledger.border.transfers import (
    TELLING_BYTES,
    get_known_transfer,
    get_transfer_requirements,
    get_version,
    tell_signers,
)
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(ExternalTransfer)
    + TELLING_BYTES
    + compute_result_bytes(SubmitExternalTransferResult)
)


def validate(op: SubmitExternalTransfer) -> SubmitExternalTransferCode | None:  # noqa: ARG001 - a common form
    """Nothing can be wrong whatever the ledger says."""
    return None


def get_requirements(
    op: SubmitExternalTransfer,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Signing transfers of this kind: who uploads one answers for it, too."""
    return get_transfer_requirements(state, op.transfer_id, Action.SIGN)


def apply(
    op: SubmitExternalTransfer,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Noted first and uploaded then: a crash between the two uploads nothing twice."""
    transfer = get_known_transfer(delta, op.transfer_id)
    if transfer.submitter != source:
        return refused(SubmitExternalTransferCode.NOT_THE_SUBMITTER)
    if transfer.submitted_at_ms is not None:
        return refused(SubmitExternalTransferCode.ALREADY_SUBMITTED)
    if transfer.state is not TransferState.CONFIRMED:
        return refused(SubmitExternalTransferCode.NOT_CONFIRMED)
    if op.version != get_version(transfer):
        return refused(SubmitExternalTransferCode.VERSION_MISMATCHED)
    transfer = replace(transfer, submitted_at_ms=U64(context.ledger.close_time_ms))
    delta.put(transfer)
    tell_signers(delta, source, transfer, TransferEvent.SUBMITTED)
    return succeeded(SubmitExternalTransferResult())


def compute_output_bytes(op: SubmitExternalTransfer, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
