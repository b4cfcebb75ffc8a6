"""ManageTransferPolicy: what may be moved outside the network."""

from schemas.generated.common import AccountID, Action, TransferPurpose
from schemas.generated.entries import TransferPolicy
from schemas.generated.keys import transfer_policy_key
from schemas.generated.operations import (
    ManageTransferPolicy,
    ManageTransferPolicyCode,
    ManageTransferPolicyResult,
    PutTransferPolicy,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_transfer_policy
from streams.ledger.balances import add_participant
from streams.ledger.border.chains import is_chain_id
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

Code = ManageTransferPolicyCode
OUTPUT_BYTES = (
    compute_change_bytes(TransferPolicy)
    + EFFECT_BYTES
    + compute_result_bytes(ManageTransferPolicyResult)
)


def validate(op: ManageTransferPolicy) -> Code | None:
    """Checks that hold whatever the ledger says."""
    if not is_chain_id(op.chain_id):
        return Code.INVALID_CHAIN_ID
    if op.purpose is TransferPurpose.CANCEL:
        return Code.INVALID_PURPOSE
    if not isinstance(op.action, PutTransferPolicy):
        return None
    has_list = op.action.allow_list_delay_ms is not None
    if has_list and op.purpose is not TransferPurpose.WITHDRAW:
        return Code.INVALID_PURPOSE
    caps = op.action.caps
    return None if 0 < caps.transfer <= caps.daily <= caps.lifetime else Code.INVALID_CAPS


def get_requirements(
    op: ManageTransferPolicy,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Changing policies of transfers of the asset on the chain."""
    if state.get_asset(op.asset) is None:
        return None
    action = Action.UPDATE if isinstance(op.action, PutTransferPolicy) else Action.REMOVE
    return (require_transfer_policy(action, op.chain_id, op.asset),)


def apply(
    op: ManageTransferPolicy,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Puts or removes one policy. Transfers that are committed go on."""
    about = op.chain_id, op.asset, op.purpose
    if isinstance(op.action, PutTransferPolicy):
        action = op.action
        delta.put(TransferPolicy(*about, action.caps, action.allow_list_delay_ms))
    elif delta.get_transfer_policy(*about) is None:
        return refused(Code.NOT_FOUND)
    else:
        delta.remove(transfer_policy_key(*about))
    add_participant(delta, source)
    return succeeded(ManageTransferPolicyResult())


def compute_output_bytes(op: ManageTransferPolicy, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
