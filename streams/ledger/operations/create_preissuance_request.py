"""CreatePreissuanceRequest: making more of an asset issuable, signed by its offline key."""

from schemas.codec import encode
from schemas.contract import ReferenceKind
from schemas.generated.bounds import CREATE_PREISSUANCE_REQUEST_CREATOR_DETAILS_LENGTH_MAX
from schemas.generated.common import AccountID, Hash
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    CreatePreissuanceRequest,
    CreatePreissuanceRequestCode,
    CreatePreissuanceRequestResult,
    PreissuanceContent,
)
from schemas.generated.requests import PreissuanceRequest
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_new_request
from streams.ledger.assets import get_active_asset
from streams.ledger.context import TransactionContext
from streams.ledger.hashes import compute_preissuance_hash
from streams.ledger.operations.outcome import compute_reference_refusal, refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import preissuance
from streams.ledger.requests.pending import get_tasks, open_request, validate_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.signatures import SignedMessage
from streams.ledger.state import LedgerDelta, LedgerState

REFERENCE_KIND = ReferenceKind.ISSUANCE
OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(PreissuanceRequest, is_new=True)
    - CREATE_PREISSUANCE_REQUEST_CREATOR_DETAILS_LENGTH_MAX
    + preissuance.OUTPUT_BYTES
    + 2 * EFFECT_BYTES
    + compute_result_bytes(CreatePreissuanceRequestResult)
)


def validate(op: CreatePreissuanceRequest) -> CreatePreissuanceRequestCode | None:
    """Checks that hold whatever the ledger says."""
    code: CreatePreissuanceRequestCode | None = validate_request(op, CreatePreissuanceRequestCode)
    return code


def get_requirements(
    op: CreatePreissuanceRequest,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Asking to make more of the asset issuable."""
    asset = state.get_asset(op.asset)
    if asset is None:
        return None
    return (require_new_request("preissuance", asset.code, asset.asset_type, op.all_tasks),)


def get_signed_messages(op: CreatePreissuanceRequest, network_id: Hash) -> list[SignedMessage]:
    """What the envelope's admission verifies beside its own signatures."""
    content = encode(PreissuanceContent(op.asset, op.amount, op.reference))
    message = compute_preissuance_hash(network_id, content)
    return [SignedMessage(op.signer, message, op.signature)]


def apply(
    op: CreatePreissuanceRequest,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Makes it issuable at once when no task is left, otherwise a request (TokenD 1.2)."""
    asset = get_active_asset(delta, op.asset)
    if asset is None:
        return refused(CreatePreissuanceRequestCode.ASSET_REMOVED)
    if asset.owner != source:
        return refused(CreatePreissuanceRequestCode.NOT_AUTHORIZED)
    refusal = compute_reference_refusal(
        CreatePreissuanceRequestCode, REFERENCE_KIND, source, op.reference, delta, context
    )
    if refusal is not None:
        return refusal
    keys = (f"preissuance_tasks:{op.asset}", "preissuance_tasks:*")
    tasks = get_tasks(delta, op.all_tasks, *keys)
    if tasks is None:
        return refused(CreatePreissuanceRequestCode.PREISSUANCE_TASKS_NOT_FOUND)
    # The reference stays used whatever becomes of the request.
    delta.use_reference(REFERENCE_KIND, source, op.reference, context.ledger.sequence)
    body = PreissuanceRequest(op.asset, op.amount, op.signer, op.creator_details)
    opened = open_request(delta, context, source, body, tasks, op.reference)
    if opened.refusal is not None:
        return refused(CreatePreissuanceRequestCode[opened.refusal.name])
    return succeeded(CreatePreissuanceRequestResult(opened.request_id, opened.fulfilled))


def compute_output_bytes(op: CreatePreissuanceRequest, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.creator_details)
