"""ManageSigner: who may sign for the source account."""

from schemas.generated.common import AccountID
from schemas.generated.ledger import Signer
from schemas.generated.operations import (
    CreateSigner,
    ManageSigner,
    ManageSignerCode,
    ManageSignerResult,
    RemoveSigner,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.keys import signer_key
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.state import LedgerDelta
from streams.ledger.values import is_details

SIGNER_DETAILS_MAX = 2048  # the bound of SignerData.details in its schema
OUTPUT_BYTES = 500 + 2 * SIGNER_DETAILS_MAX


def validate(op: ManageSigner) -> ManageSignerCode | None:
    """Checks that hold whatever the ledger says."""
    if isinstance(op.action, RemoveSigner):
        return None
    if not is_details(op.action.data.details):
        return ManageSignerCode.INVALID_DETAILS
    if op.action.data.weight == 0:
        return ManageSignerCode.INVALID_WEIGHT
    return None


def apply(
    op: ManageSigner,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Adds, replaces or removes one signer (TokenD 1.2)."""
    action = op.action
    key = action.public_key if isinstance(action, RemoveSigner) else action.data.public_key
    is_signer = delta.get_signer(source, key) is not None
    if isinstance(action, CreateSigner) and is_signer:
        return refused(ManageSignerCode.ALREADY_EXISTS)
    if not isinstance(action, CreateSigner) and not is_signer:
        return refused(ManageSignerCode.NOT_FOUND)
    if isinstance(action, RemoveSigner):
        delta.remove(signer_key(source, key))
    elif delta.get_signer_role(action.data.role_id) is None:
        return refused(ManageSignerCode.NO_SUCH_ROLE)
    else:
        delta.put(Signer(source, action.data))
    add_participant(delta, source)
    return succeeded(ManageSignerResult())


def compute_output_bytes(op: ManageSigner) -> int:  # noqa: ARG001 - every operation has this form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES
