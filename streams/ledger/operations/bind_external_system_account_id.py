"""BindExternalSystemAccountId: an address of an external system for the source."""

from schemas.generated.common import AccountID, Action
from schemas.generated.ledger import AddressBinding, EffectKind
from schemas.generated.operations import (
    BindExternalSystemAccountId,
    BindExternalSystemAccountIdCode,
    BindExternalSystemAccountIdResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_external_system
from streams.ledger.border.addresses import BINDING_BYTES, bind
from streams.ledger.border.chains import is_chain_id
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    BINDING_BYTES + EFFECT_BYTES + compute_result_bytes(BindExternalSystemAccountIdResult)
)


def validate(op: BindExternalSystemAccountId) -> BindExternalSystemAccountIdCode | None:
    """Checks that hold whatever the ledger says."""
    if not is_chain_id(op.system):
        return BindExternalSystemAccountIdCode.INVALID_SYSTEM
    return None


def get_requirements(
    op: BindExternalSystemAccountId,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Taking an address of the system."""
    return (require_external_system(Action.BIND, op.system),)


def apply(
    op: BindExternalSystemAccountId,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Keeps what the source has, prolongs it or takes another (TokenD 1.6)."""
    binding = bind(delta, op.system, source, context.ledger.close_time_ms)
    if binding is None:
        return refused(BindExternalSystemAccountIdCode.NO_AVAILABLE_ID)
    detail = AddressBinding(op.system, binding.until_ms)
    delta.add_effect(source, EffectKind.ADDRESS_BOUND, detail)
    return succeeded(BindExternalSystemAccountIdResult(binding.address, binding.until_ms))


def compute_output_bytes(op: BindExternalSystemAccountId, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
