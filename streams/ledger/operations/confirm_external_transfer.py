"""ConfirmExternalTransfer: enough signatures of a transfer are valid."""

from itertools import pairwise

from msgspec.structs import replace

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import ExternalTransfer, TransferState
from schemas.generated.ledger import TransferEvent
from schemas.generated.operations import (
    ConfirmExternalTransfer,
    ConfirmExternalTransferCode,
    ConfirmExternalTransferResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements
from streams.ledger.border.committed_requests import compute_committed_bytes, sign_requests
from streams.ledger.border.transfers import (
    TELLING_BYTES,
    get_keyset,
    get_known_transfer,
    get_transfer_requirements,
    get_version,
    tell_signers,
)
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

IS_SIZED_BY_STATE = True
OUTPUT_BYTES = (
    compute_change_bytes(ExternalTransfer)
    + TELLING_BYTES
    + compute_result_bytes(ConfirmExternalTransferResult)
)


def validate(op: ConfirmExternalTransfer) -> ConfirmExternalTransferCode | None:
    """Checks that hold whatever the ledger says."""
    if not all(one < other for one, other in pairwise(op.slots)):
        return ConfirmExternalTransferCode.INVALID_SLOTS
    return None


def get_requirements(
    op: ConfirmExternalTransfer,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Reviewing transfers of this kind."""
    return get_transfer_requirements(state, op.transfer_id, Action.REVIEW)


def apply(
    op: ConfirmExternalTransfer,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """The services have checked the signatures; the ledger sees that they are there."""
    transfer = get_known_transfer(delta, op.transfer_id)
    if transfer.state is not TransferState.COMMITTED:
        return refused(ConfirmExternalTransferCode.NOT_COMMITTED)
    if op.version != get_version(transfer):
        return refused(ConfirmExternalTransferCode.VERSION_MISMATCHED)
    keyset = get_keyset(delta, transfer, op.version)
    if len(op.slots) != keyset.threshold:
        return refused(ConfirmExternalTransferCode.WRONG_NUMBER)
    accounts = {each.slot: each.account_id for each in keyset.cosigners}
    named = [accounts.get(slot) for slot in op.slots]
    if any(
        each is None or delta.get_transfer_signature(op.transfer_id, op.version, each) is None
        for each in named
    ):
        return refused(ConfirmExternalTransferCode.SIGNATURE_NOT_FOUND)
    version = replace(transfer.versions[-1], confirmed=op.slots)
    versions = (*transfer.versions[:-1], version)
    transfer = replace(transfer, versions=versions, state=TransferState.CONFIRMED)
    delta.put(transfer)
    tell_signers(delta, source, transfer, TransferEvent.CONFIRMED)
    sign_requests(delta, transfer.requests)
    return succeeded(ConfirmExternalTransferResult())


def compute_output_bytes(op: ConfirmExternalTransfer, state: LedgerState | None) -> int:
    """The most bytes it can add to a ledger's body beside the envelope: by its requests, which
    nobody changes while they are committed."""
    transfer = None if state is None else state.get_external_transfer(op.transfer_id)
    if state is None or transfer is None:
        return OUTPUT_BYTES
    return OUTPUT_BYTES + compute_committed_bytes(state, transfer.requests)
