"""ReplaceExternalTransfer: a new version of a transfer over the same resources, or more."""

from msgspec.structs import replace

from schemas.generated.bounds import (
    EXTERNAL_TRANSFER_RESOURCES_ITEMS_MAX,
    REPLACE_EXTERNAL_TRANSFER_PAYLOAD_LENGTH_MAX,
)
from schemas.generated.common import AccountID, Action
from schemas.generated.entries import (
    ExternalTransfer,
    TransferPayload,
    TransferState,
    UsedResource,
)
from schemas.generated.ledger import TransferEvent
from schemas.generated.operations import (
    ReplaceExternalTransfer,
    ReplaceExternalTransferCode,
    ReplaceExternalTransferResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements
from streams.ledger.border.resources import (
    are_resources,
    get_nonces,
    is_any_in_use,
    use_resources,
)
from streams.ledger.border.transfers import (
    TELLING_BYTES,
    VERSIONS_MAX,
    add_version,
    get_known_transfer,
    get_transfer_requirements,
    get_version,
    make_payload,
    tell_signers,
)
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

Code = ReplaceExternalTransferCode
OUTPUT_BYTES = (
    compute_change_bytes(ExternalTransfer)
    + compute_change_bytes(TransferPayload, is_new=True)
    - REPLACE_EXTERNAL_TRANSFER_PAYLOAD_LENGTH_MAX
    + TELLING_BYTES
    + compute_result_bytes(ReplaceExternalTransferResult)
)
RESOURCE_BYTES = compute_change_bytes(UsedResource, is_new=True)


def validate(op: ReplaceExternalTransfer) -> Code | None:
    """Checks that hold whatever the ledger says."""
    if get_nonces(op.resources):
        return Code.INVALID_RESOURCES
    return None if op.payload else Code.INVALID_PAYLOAD


def get_requirements(
    op: ReplaceExternalTransfer,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Changing transfers of this kind."""
    return get_transfer_requirements(state, op.transfer_id, Action.UPDATE)


def apply(
    op: ReplaceExternalTransfer,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Whichever version happens, it uses the same resources, so at most one of them does."""
    transfer = get_known_transfer(delta, op.transfer_id)
    code = _compute_refusal(op, transfer, delta)
    if code is not None:
        return refused(code)
    version = get_version(transfer) + 1
    taken = use_resources(delta, op.transfer_id, op.resources)
    transfer = add_version(transfer, version, transfer.versions[-1].keyset_version)
    transfer = replace(transfer, resources=(*transfer.resources, *taken))
    payload = make_payload(op.transfer_id, version, op.payload)
    delta.put(transfer)
    delta.put(payload)
    tell_signers(delta, source, transfer, TransferEvent.REPLACED)
    return succeeded(ReplaceExternalTransferResult(version, payload.payload_hash))


def compute_output_bytes(op: ReplaceExternalTransfer, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.payload) + len(op.resources) * RESOURCE_BYTES


def _compute_refusal(
    op: ReplaceExternalTransfer, transfer: ExternalTransfer, state: LedgerState
) -> Code | None:
    if not are_resources(op.resources, transfer.chain_id):
        return Code.INVALID_RESOURCES
    if transfer.state is TransferState.SETTLED:
        return Code.TRANSFER_IS_SETTLED
    if transfer.submitted_at_ms is not None:
        return Code.TRANSFER_IS_SUBMITTED
    if op.version != get_version(transfer):
        return Code.VERSION_MISMATCHED
    if op.version == VERSIONS_MAX:
        return Code.TOO_MANY_VERSIONS
    if len(transfer.resources) + len(op.resources) > EXTERNAL_TRANSFER_RESOURCES_ITEMS_MAX:
        return Code.TOO_MANY_RESOURCES
    is_shared = transfer.parent is not None or transfer.cancel is not None
    if op.resources and is_shared:
        return Code.RESOURCES_ARE_SHARED
    return Code.RESOURCE_IN_USE if is_any_in_use(state, op.resources) else None
