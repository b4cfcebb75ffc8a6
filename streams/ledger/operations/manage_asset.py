"""ManageAsset: asking for a new asset."""

from schemas.generated.common import AccountID
from schemas.generated.entries import Counters
from schemas.generated.operations import (
    ManageAsset,
    ManageAssetCode,
    ManageAssetResult,
)
from schemas.generated.requests import CreateAssetRequest
from schemas.generated.transactions import OperationResult
from schemas.json_text import is_json_text
from schemas.tasks import SYSTEM_TASKS
from streams.ledger.access.requirements import Requirements, require_new_request
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import create_asset
from streams.ledger.requests.pending import edit_request, get_tasks, open_request
from streams.ledger.requests.table import compute_request_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import KNOWN_POLICIES, is_asset_code

OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_request_change_bytes(CreateAssetRequest)
    + create_asset.OUTPUT_BYTES
    + 2 * EFFECT_BYTES
    + compute_result_bytes(ManageAssetResult)
)


def validate(op: ManageAsset) -> ManageAssetCode | None:
    """Checks that hold whatever the ledger says."""
    asset = op.action
    if not is_asset_code(asset.code):
        return ManageAssetCode.INVALID_CODE
    if asset.max_issuance_amount == 0:
        return ManageAssetCode.INVALID_MAX_ISSUANCE_AMOUNT
    if asset.initial_preissued_amount > asset.max_issuance_amount:
        return ManageAssetCode.INITIAL_PREISSUED_EXCEEDS_MAX_ISSUANCE
    if asset.policies & ~KNOWN_POLICIES:
        return ManageAssetCode.INVALID_POLICIES
    if not is_json_text(asset.creator_details):
        return ManageAssetCode.INVALID_CREATOR_DETAILS
    if asset.all_tasks is not None and asset.all_tasks & SYSTEM_TASKS:
        return ManageAssetCode.SYSTEM_TASKS_NOT_ALLOWED
    if asset.all_tasks is not None and op.request_id != 0:
        return ManageAssetCode.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE
    return None


def get_requirements(
    op: ManageAsset,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Asking for the asset."""
    asset = op.action
    request = require_new_request("create_asset", asset.code, asset.asset_type, asset.all_tasks)
    return (request,)


def apply(
    op: ManageAsset, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Creates the asset at once when its tasks are 0, otherwise a request for it (TokenD 1.2)."""
    if op.request_id != 0:
        return _edit(op, source, delta, context)
    tasks = get_tasks(delta, op.action.all_tasks, "asset_create_tasks")
    if tasks is None:
        return refused(ManageAssetCode.ASSET_CREATE_TASKS_NOT_FOUND)
    body = CreateAssetRequest(op.action)
    opened = open_request(delta, context, source, body, tasks)
    if opened.refusal is not None:
        return refused(ManageAssetCode[opened.refusal.name])
    return succeeded(ManageAssetResult(opened.request_id, fulfilled=opened.fulfilled))


def compute_output_bytes(op: ManageAsset, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def _edit(
    op: ManageAsset, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Asks again, after a rejection."""
    request = delta.get_reviewable_request(op.request_id)
    if request is None or request.requestor != source:
        return refused(ManageAssetCode.REQUEST_NOT_FOUND)
    if not isinstance(request.body, CreateAssetRequest):
        return refused(ManageAssetCode.REQUEST_NOT_FOUND)
    if not request.reject_reason:
        return refused(ManageAssetCode.REQUEST_IS_PENDING)
    if request.body.asset.code != op.action.code:
        return refused(ManageAssetCode.REQUEST_ASSET_MISMATCHED)
    refusal = edit_request(delta, context, request, CreateAssetRequest(op.action))
    if refusal is not None:
        return refused(ManageAssetCode[refusal.name])
    return succeeded(ManageAssetResult(op.request_id, fulfilled=False))
