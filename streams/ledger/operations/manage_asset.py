"""ManageAsset: asking for a new asset or a change of one, and what its owner changes alone."""

from typing import Any

from msgspec.structs import replace

from schemas.codec import encode
from schemas.generated.common import AccountID, Action, Hash
from schemas.generated.entries import Asset, Counters
from schemas.generated.ledger import RequestEvent
from schemas.generated.operations import (
    CancelAssetRequest,
    ChangePreissuedAssetSigner,
    CreateAsset,
    ManageAsset,
    ManageAssetCode,
    ManageAssetResult,
    PreissuedSignerContent,
    UpdateAsset,
    UpdateMaxIssuance,
)
from schemas.generated.requests import CreateAssetRequest, UpdateAssetRequest
from schemas.generated.transactions import OperationResult
from schemas.json_text import is_json_text
from schemas.tasks import SYSTEM_TASKS
from streams.ledger.access.requirements import (
    Requirements,
    require_asset,
    require_new_request,
    require_request,
)
from streams.ledger.assets import get_active_asset
from streams.ledger.balances import add_participant, get_supply
from streams.ledger.context import TransactionContext
from streams.ledger.hashes import compute_preissued_signer_hash
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import create_asset, update_asset
from streams.ledger.requests.pending import (
    edit_request,
    find_own_request,
    find_rejected,
    get_tasks,
    open_request,
    release_request,
)
from streams.ledger.requests.table import compute_request_change_bytes, describe_request
from streams.ledger.signatures import SignedMessage
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import KNOWN_POLICIES, is_asset_code

OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + max(map(compute_request_change_bytes, (CreateAssetRequest, UpdateAssetRequest)))
    + max(create_asset.OUTPUT_BYTES, update_asset.OUTPUT_BYTES)
    + 2 * EFFECT_BYTES
    + compute_result_bytes(ManageAssetResult)
)


def validate(op: ManageAsset) -> ManageAssetCode | None:
    """Checks that hold whatever the ledger says."""
    action = op.action
    if isinstance(action, CancelAssetRequest):
        return None
    if isinstance(action, ChangePreissuedAssetSigner | UpdateMaxIssuance) and op.request_id != 0:
        return ManageAssetCode.INVALID_REQUEST_ID
    if not is_asset_code(action.code):
        return ManageAssetCode.INVALID_CODE
    if isinstance(action, CreateAsset | UpdateMaxIssuance) and action.max_issuance_amount == 0:
        return ManageAssetCode.INVALID_MAX_ISSUANCE_AMOUNT
    if isinstance(action, CreateAsset | UpdateAsset):
        return _validate_request(op.request_id, action)
    return None


def get_requirements(
    op: ManageAsset,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Asking for an asset or for a change of one, taking that back, or changing one's asset."""
    action = op.action
    if isinstance(action, CancelAssetRequest):
        request = state.get_reviewable_request(op.request_id)
        if request is None:
            return None
        return (require_request(Action.CANCEL, *describe_request(request, state)),)
    if isinstance(action, CreateAsset):
        asset_type = action.asset_type
        return (require_new_request("create_asset", action.code, asset_type, action.all_tasks),)
    asset = state.get_asset(action.code)
    if asset is None:
        return None
    if isinstance(action, UpdateAsset):
        asset_type = asset.asset_type
        return (require_new_request("update_asset", asset.code, asset_type, action.all_tasks),)
    return (require_asset(Action.UPDATE, asset.code, asset.asset_type),)


def get_signed_messages(op: ManageAsset, network_id: Hash) -> list[SignedMessage]:
    """What the envelope's admission verifies beside its own signatures."""
    action = op.action
    if not isinstance(action, ChangePreissuedAssetSigner):
        return []
    content = PreissuedSignerContent(action.code, action.change_number, action.public_key)
    message = compute_preissued_signer_hash(network_id, encode(content))
    return [SignedMessage(action.signer, message, action.signature)]


def apply(
    op: ManageAsset, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Requests take effect at once when their tasks are 0 (TokenD 1.2)."""
    match op.action:
        case CancelAssetRequest():
            return _cancel(op.request_id, source, delta)
        case ChangePreissuedAssetSigner() as change:
            return _change_signer(change, source, delta)
        case UpdateMaxIssuance() as change:
            return _update_max_issuance(change, source, delta)
    if op.request_id != 0:
        return _edit(op, source, delta, context)
    return _ask(op.action, source, delta, context)


def compute_output_bytes(op: ManageAsset, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def _validate_request(request_id: int, action: CreateAsset | UpdateAsset) -> ManageAssetCode | None:
    if (
        isinstance(action, CreateAsset)
        and action.initial_preissued_amount > action.max_issuance_amount
    ):
        return ManageAssetCode.INITIAL_PREISSUED_EXCEEDS_MAX_ISSUANCE
    if action.policies & ~KNOWN_POLICIES:
        return ManageAssetCode.INVALID_POLICIES
    if not is_json_text(action.creator_details):
        return ManageAssetCode.INVALID_CREATOR_DETAILS
    if action.all_tasks is not None and action.all_tasks & SYSTEM_TASKS:
        return ManageAssetCode.SYSTEM_TASKS_NOT_ALLOWED
    if action.all_tasks is not None and request_id != 0:
        return ManageAssetCode.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE
    return None


def _ask(
    action: CreateAsset | UpdateAsset,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    is_new = isinstance(action, CreateAsset)
    key = "asset_create_tasks" if is_new else "asset_update_tasks"
    tasks = get_tasks(delta, action.all_tasks, key)
    if tasks is None:
        return refused(ManageAssetCode[f"{key.upper()}_NOT_FOUND"])
    if not is_new:
        asset = _get_own_asset(action.code, source, delta)
        if isinstance(asset, ManageAssetCode):
            return refused(asset)
    opened = open_request(delta, context, source, _get_body(action), tasks)
    if opened.refusal is not None:
        return refused(ManageAssetCode[opened.refusal.name])
    return succeeded(ManageAssetResult(opened.request_id, fulfilled=opened.fulfilled))


def _edit(
    op: ManageAsset, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Asks again, after a rejection."""
    body = _get_body(op.action)
    request = find_rejected(delta, op.request_id, source, type(body), ManageAssetCode)
    if isinstance(request, ManageAssetCode):
        return refused(request)
    if describe_request(request, delta) != describe_request(replace(request, body=body), delta):
        return refused(ManageAssetCode.REQUEST_ASSET_MISMATCHED)
    refusal = edit_request(delta, context, request, body)
    if refusal is not None:
        return refused(ManageAssetCode[refusal.name])
    return succeeded(ManageAssetResult(op.request_id, fulfilled=False))


def _cancel(request_id: int, source: AccountID, delta: LedgerDelta) -> OperationResult:
    request = find_own_request(delta, request_id, source, CreateAssetRequest, UpdateAssetRequest)
    if request is None:
        return refused(ManageAssetCode.REQUEST_NOT_FOUND)
    release_request(delta, request, RequestEvent.CANCELLED)
    return succeeded(ManageAssetResult(request_id, fulfilled=False))


def _change_signer(
    change: ChangePreissuedAssetSigner, source: AccountID, delta: LedgerDelta
) -> OperationResult:
    """The signature itself was verified when the envelope was admitted."""
    asset = _get_own_asset(change.code, source, delta)
    if isinstance(asset, ManageAssetCode):
        return refused(asset)
    if change.signer != asset.preissued_asset_signer:
        return refused(ManageAssetCode.PREISSUED_SIGNER_MISMATCHED)
    if change.change_number != asset.signer_changes + 1:
        return refused(ManageAssetCode.SIGNER_CHANGE_MISMATCHED)
    delta.put(
        replace(
            asset,
            preissued_asset_signer=change.public_key,
            signer_changes=change.change_number,
        )
    )
    add_participant(delta, source)
    return succeeded(ManageAssetResult(0, fulfilled=True))


def _update_max_issuance(
    change: UpdateMaxIssuance, source: AccountID, delta: LedgerDelta
) -> OperationResult:
    asset = _get_own_asset(change.code, source, delta)
    if isinstance(asset, ManageAssetCode):
        return refused(asset)
    supply = get_supply(delta, change.code)
    # What is promised is taken from what is issuable when it is issued.
    committed = max(supply.pending_issuance, supply.available_for_issuance)
    if supply.issued + committed > change.max_issuance_amount:
        return refused(ManageAssetCode.EXCEEDS_MAX_ISSUANCE_AMOUNT)
    delta.put(replace(asset, max_issuance_amount=change.max_issuance_amount))
    add_participant(delta, source)
    return succeeded(ManageAssetResult(0, fulfilled=True))


def _get_body(action: Any) -> CreateAssetRequest | UpdateAssetRequest:
    return (CreateAssetRequest if isinstance(action, CreateAsset) else UpdateAssetRequest)(action)


def _get_own_asset(code: str, source: AccountID, delta: LedgerDelta) -> Asset | ManageAssetCode:
    asset = get_active_asset(delta, code)
    if asset is None:
        return ManageAssetCode.ASSET_REMOVED
    return asset if asset.owner == source else ManageAssetCode.NOT_AUTHORIZED
