"""AddTransferSignature: a cosigner's signature of an external transfer."""

from schemas.generated.bounds import ADD_TRANSFER_SIGNATURE_SIGNATURE_LENGTH_MAX
from schemas.generated.common import AccountID, Action
from schemas.generated.entries import TransferSignature, TransferState
from schemas.generated.ledger import TransferEvent
from schemas.generated.operations import (
    AddTransferSignature,
    AddTransferSignatureCode,
    AddTransferSignatureResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements
from streams.ledger.border.transfers import (
    get_keyset,
    get_known_transfer,
    get_payload,
    get_transfer_requirements,
    get_version,
    tell,
)
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(TransferSignature, is_new=True)
    - ADD_TRANSFER_SIGNATURE_SIGNATURE_LENGTH_MAX
    + EFFECT_BYTES
    + compute_result_bytes(AddTransferSignatureResult)
)


def validate(op: AddTransferSignature) -> AddTransferSignatureCode | None:
    """Checks that hold whatever the ledger says."""
    return None if op.signature else AddTransferSignatureCode.INVALID_SIGNATURE


def get_requirements(
    op: AddTransferSignature,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Signing transfers of this kind."""
    return get_transfer_requirements(state, op.transfer_id, Action.SIGN)


def apply(
    op: AddTransferSignature,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Fills the source's slot of the newest version; the transfer itself does not change."""
    transfer = get_known_transfer(delta, op.transfer_id)
    if transfer.state is TransferState.SETTLED:
        return refused(AddTransferSignatureCode.TRANSFER_IS_SETTLED)
    if op.version != get_version(transfer):
        return refused(AddTransferSignatureCode.VERSION_MISMATCHED)
    if op.payload_hash != get_payload(delta, transfer).payload_hash:
        return refused(AddTransferSignatureCode.PAYLOAD_MISMATCHED)
    cosigners = get_keyset(delta, transfer, op.version).cosigners
    slot = next((each.slot for each in cosigners if each.account_id == source), None)
    if slot is None:
        return refused(AddTransferSignatureCode.NOT_A_COSIGNER)
    if delta.get_transfer_signature(op.transfer_id, op.version, source) is not None:
        return refused(AddTransferSignatureCode.ALREADY_SIGNED)
    delta.put(TransferSignature(op.transfer_id, op.version, source, op.signature))
    tell(delta, source, transfer, TransferEvent.SIGNED)
    return succeeded(AddTransferSignatureResult(slot))


def compute_output_bytes(op: AddTransferSignature, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.signature)
