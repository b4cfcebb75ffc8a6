"""SettleExternalTransfer: what came of an external transfer."""

from msgspec.structs import replace

from schemas.generated.common import U64, AccountID, Action, TransferOutcome
from schemas.generated.entries import (
    CommittedRequest,
    ExternalTransfer,
    NetworkFeeDebt,
    TransferFlow,
    TransferState,
)
from schemas.generated.ledger import TransferEvent
from schemas.generated.operations import (
    SettledOutcome,
    SettleExternalTransfer,
    SettleExternalTransferCode,
    SettleExternalTransferResult,
    UnknownOutcome,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements
from streams.ledger.border.committed_requests import (
    compute_committed_bytes,
    give_back_requests,
    mark_unknown,
    pay_requests,
)
from streams.ledger.border.network_fees import BURNING_BYTES, charge_network_fee
from streams.ledger.border.transfer_policies import take_back_transfer
from streams.ledger.border.transfers import (
    TELLING_BYTES,
    get_known_transfer,
    get_transfer_requirements,
    tell_signers,
)
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import compute_change_bytes, compute_result_bytes
from streams.ledger.requests import withdrawal
from streams.ledger.state import LedgerDelta, LedgerState

Code = SettleExternalTransferCode
# These have used up what the transfer needs: of a transfer and the one that cancels it, one does.
USED = (TransferOutcome.PAID, TransferOutcome.INEFFECTIVE)
IS_SIZED_BY_STATE = True
OUTPUT_BYTES = (
    compute_change_bytes(ExternalTransfer)
    + compute_change_bytes(TransferFlow)
    + compute_change_bytes(NetworkFeeDebt, is_new=True)
    + BURNING_BYTES
    + TELLING_BYTES
    + compute_result_bytes(SettleExternalTransferResult)
)
REQUEST_BYTES = compute_change_bytes(CommittedRequest) + withdrawal.OUTPUT_BYTES


def validate(op: SettleExternalTransfer) -> Code | None:
    """Checks that hold whatever the ledger says."""
    fee = op.network_fee
    if fee is not None and (isinstance(op.result, UnknownOutcome) or not fee.amount):
        return Code.INVALID_FEE
    return None


def get_requirements(
    op: SettleExternalTransfer,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Settling transfers of this kind."""
    return get_transfer_requirements(state, op.transfer_id, Action.SETTLE)


def apply(
    op: SettleExternalTransfer,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Pays the requests, or gives them back for another decision. What was measured outside is
    true whatever the ledger allows now, so neither halts nor roles are asked."""
    transfer = get_known_transfer(delta, op.transfer_id)
    if transfer.state is TransferState.SETTLED:
        return refused(Code.TRANSFER_IS_SETTLED)
    if isinstance(op.result, UnknownOutcome):
        return _note_unknown(transfer, source, delta)
    if _is_contradicted(delta, transfer, op.result.outcome):
        return refused(Code.CONTRADICTS)
    if op.network_fee is not None and delta.get_asset(op.network_fee.asset) is None:
        return refused(Code.FEE_ASSET_NOT_FOUND)
    transfer = _settle(transfer, op.result, context)
    delta.put(transfer)
    tell_signers(delta, source, transfer, TransferEvent[op.result.outcome.name])
    debt = None
    if op.network_fee is not None:
        debt = charge_network_fee(delta, source, transfer, op.network_fee)
    if op.result.outcome is TransferOutcome.PAID:
        pay_requests(delta, transfer.requests, context)
    else:
        about = transfer.chain_id, transfer.asset, transfer.purpose
        take_back_transfer(delta, about, transfer.amount, transfer.created_at_ms)
        give_back_requests(delta, transfer.requests)
    return succeeded(SettleExternalTransferResult(debt))


def compute_output_bytes(op: SettleExternalTransfer, state: LedgerState | None) -> int:
    """The most bytes it can add to a ledger's body beside the envelope: by its requests, which
    nobody changes while they are committed."""
    transfer = None if state is None else state.get_external_transfer(op.transfer_id)
    if state is None or transfer is None:
        return OUTPUT_BYTES
    count = len(transfer.requests)
    return OUTPUT_BYTES + compute_committed_bytes(state, transfer.requests) + count * REQUEST_BYTES


def _note_unknown(
    transfer: ExternalTransfer, source: AccountID, delta: LedgerDelta
) -> OperationResult:
    if transfer.state is not TransferState.CONFIRMED:
        return refused(Code.NOT_CONFIRMED)
    transfer = replace(transfer, state=TransferState.UNKNOWN)
    delta.put(transfer)
    tell_signers(delta, source, transfer, TransferEvent.UNKNOWN)
    mark_unknown(delta, transfer.requests)
    return succeeded(SettleExternalTransferResult(None))


def _is_contradicted(
    state: LedgerState, transfer: ExternalTransfer, outcome: TransferOutcome
) -> bool:
    """Whether the parent, or the cancel, has used up what both share."""
    number = transfer.parent or transfer.cancel
    other = None if number is None else state.get_external_transfer(number)
    return other is not None and other.outcome in USED and outcome in USED


def _settle(
    transfer: ExternalTransfer, result: SettledOutcome, context: TransactionContext
) -> ExternalTransfer:
    return replace(
        transfer,
        state=TransferState.SETTLED,
        outcome=result.outcome,
        evidence=result.evidence,
        settled_at_ms=U64(context.ledger.close_time_ms),
    )
