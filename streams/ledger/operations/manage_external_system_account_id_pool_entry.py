"""ManageExternalSystemAccountIdPoolEntry: filling the pool of addresses that accounts take."""

from schemas.generated.common import AccountID, Action, WalletKind
from schemas.generated.entries import ExternalAddressState
from schemas.generated.operations import (
    CreatePoolEntry,
    ManageExternalSystemAccountIdPoolEntry,
    ManageExternalSystemAccountIdPoolEntryCode,
    ManageExternalSystemAccountIdPoolEntryResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_external_system
from streams.ledger.balances import add_participant
from streams.ledger.border.addresses import LIST_BYTES, add_address, remove_address
from streams.ledger.border.chains import is_bank, is_chain_id
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import is_word

Code = ManageExternalSystemAccountIdPoolEntryCode
Result = ManageExternalSystemAccountIdPoolEntryResult
OUTPUT_BYTES = LIST_BYTES + EFFECT_BYTES + compute_result_bytes(Result)


def validate(op: ManageExternalSystemAccountIdPoolEntry) -> Code | None:
    """Checks that hold whatever the ledger says."""
    if not is_chain_id(op.system):
        return Code.INVALID_SYSTEM
    if not is_word(op.address):
        return Code.INVALID_ADDRESS
    if isinstance(op.action, CreatePoolEntry):
        has_keyset = op.action.keyset_version > 0
        if has_keyset is is_bank(op.system):
            return Code.KEYSET_NOT_ALLOWED
    return None


def get_requirements(
    op: ManageExternalSystemAccountIdPoolEntry,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Adding to the system's pool, or taking out of it."""
    is_new = isinstance(op.action, CreatePoolEntry)
    return (require_external_system(Action.CREATE if is_new else Action.REMOVE, op.system),)


def apply(
    op: ManageExternalSystemAccountIdPoolEntry,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Adds or takes out one address (TokenD 1.6); an address is never added twice."""
    known = delta.get_external_address(op.system, op.address)
    if isinstance(op.action, CreatePoolEntry):
        version = op.action.keyset_version
        if version and delta.get_keyset(op.system, WalletKind.DEPOSIT, version) is None:
            return refused(Code.KEYSET_NOT_FOUND)
        if known is not None:
            return refused(Code.ALREADY_EXISTS)
        free = add_address(delta, op.system, op.address, version, op.action.index)
    else:
        if known is None:
            return refused(Code.NOT_FOUND)
        if known.state is not ExternalAddressState.FREE:
            return refused(Code.NOT_FREE)
        free = remove_address(delta, known)
    add_participant(delta, source)
    return succeeded(Result(free))


def compute_output_bytes(
    op: ManageExternalSystemAccountIdPoolEntry,  # noqa: ARG001 - a common form
    state: LedgerState | None,  # noqa: ARG001
) -> int:
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
