"""CreateExternalTransfer: committing what moves outside the network."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec.structs import replace

from schemas.generated.bounds import CREATE_EXTERNAL_TRANSFER_PAYLOAD_LENGTH_MAX
from schemas.generated.common import U64, AccountID, Action, TransferPurpose
from schemas.generated.entries import (
    Counters,
    ExternalTransfer,
    Keyset,
    ReviewableRequest,
    TransferFlow,
    TransferPayload,
    TransferState,
    TransferVersion,
    UsedResource,
    WalletNonce,
)
from schemas.generated.ledger import TransferEvent
from schemas.generated.operations import (
    CreateExternalTransfer,
    CreateExternalTransferCode,
    CreateExternalTransferResult,
)
from schemas.generated.requests import WithdrawalRequest
from schemas.generated.transactions import OperationResult
from schemas.tasks import TRANSFER_TASKS
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import Requirements, require_asset, require_transfer
from streams.ledger.border.chains import is_bank, is_chain_id, is_halted
from streams.ledger.border.committed_requests import COMMITTING_BYTES, commit_requests
from streams.ledger.border.resources import (
    are_resources,
    does_keyset_bind,
    get_nonces,
    is_any_in_use,
    is_next,
    use_resources,
)
from streams.ledger.border.transfer_policies import (
    count_transfer,
    is_destination_allowed,
    is_within_caps,
)
from streams.ledger.border.transfers import TELLING_BYTES, make_payload, tell_signers
from streams.ledger.context import TransactionContext
from streams.ledger.halts import is_withdrawal_halted
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import compute_change_bytes, compute_result_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.requests.withdrawal import get_asset, is_owner
from streams.ledger.state import LedgerDelta, LedgerState

Code = CreateExternalTransferCode
OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + compute_change_bytes(ExternalTransfer, is_new=True)
    + compute_change_bytes(ExternalTransfer)  # the one that it cancels
    + compute_change_bytes(TransferPayload, is_new=True)
    - CREATE_EXTERNAL_TRANSFER_PAYLOAD_LENGTH_MAX
    + compute_change_bytes(TransferFlow)
    + compute_change_bytes(WalletNonce)
    + TELLING_BYTES
    + compute_result_bytes(CreateExternalTransferResult)
)
RESOURCE_BYTES = compute_change_bytes(UsedResource, is_new=True)


def validate(op: CreateExternalTransfer) -> Code | None:
    """Checks that hold whatever the ledger says."""
    if not is_chain_id(op.chain_id):
        return Code.INVALID_CHAIN_ID
    are_ascending = all(one < other for one, other in pairwise(op.requests))
    if bool(op.requests) is not (op.purpose is TransferPurpose.WITHDRAW) or not are_ascending:
        return Code.INVALID_REQUESTS
    is_cancel = op.purpose is TransferPurpose.CANCEL
    if bool(op.resources) is is_cancel or not are_resources(op.resources, op.chain_id):
        return Code.INVALID_RESOURCES
    if (op.parent is not None) is not is_cancel:
        return Code.INVALID_PARENT
    if (op.submitter is not None) is not is_bank(op.chain_id):
        return Code.INVALID_SUBMITTER
    if not op.payload:
        return Code.INVALID_PAYLOAD
    return None


def get_requirements(
    op: CreateExternalTransfer,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Creating transfers of the asset on the chain, for this purpose."""
    if state.get_asset(op.asset) is None:
        return None
    return (require_transfer(Action.CREATE, op.chain_id, op.asset, op.purpose),)


def apply(
    op: CreateExternalTransfer,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,
) -> OperationResult:
    """Commits payload, resources and requests at once, or nothing."""
    if is_halted(delta, op.chain_id):
        return refused(Code.CHAIN_HALTED)
    keyset = delta.get_keyset(op.chain_id, op.wallet, op.keyset_version)
    if keyset is None:
        return refused(Code.KEYSET_NOT_FOUND)
    requests = _find_requests(op, source, delta)
    code = (
        _compute_parent_refusal(op, keyset, delta)
        or _compute_requests_refusal(op, requests, delta, context)
        or _compute_policy_refusal(op, requests, delta, context)
        or _compute_resources_refusal(op, delta)
    )
    if code is not None:
        return refused(code)
    transfer = _make_transfer(op, delta, context)
    payload = make_payload(transfer.transfer_id, 1, op.payload)
    delta.put(transfer)
    delta.put(payload)
    if op.parent is not None:
        parent = delta.get_external_transfer(op.parent)
        if parent is not None:
            delta.put(replace(parent, cancel=transfer.transfer_id))
    else:
        about = op.chain_id, op.asset, op.purpose
        count_transfer(delta, about, op.amount, context.ledger.close_time_ms)
    tell_signers(delta, source, transfer, TransferEvent.COMMITTED)
    commit_requests(delta, transfer.transfer_id, requests)
    return succeeded(CreateExternalTransferResult(transfer.transfer_id, payload.payload_hash))


def compute_output_bytes(op: CreateExternalTransfer, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return (
        OUTPUT_BYTES
        + len(op.payload)
        + len(op.resources) * RESOURCE_BYTES
        + len(op.requests) * COMMITTING_BYTES
    )


def _find_requests(
    op: CreateExternalTransfer, source: AccountID, state: LedgerState
) -> list[ReviewableRequest]:
    """Those of its requests that are withdrawals of the asset and that the source reviews, or
    whose asset it owns."""
    found = (state.get_reviewable_request(each) for each in op.requests)
    return [
        each
        for each in found
        if each is not None
        and isinstance(each.body, WithdrawalRequest)
        and get_asset(each.body, state) == op.asset
        and (each.reviewer == source or is_owner(state, each, source))
    ]


def _compute_parent_refusal(
    op: CreateExternalTransfer, keyset: Keyset, state: LedgerState
) -> Code | None:
    """Also of the keyset, which binds by the nonces that a cancel shares with its parent."""
    if op.parent is None:
        if not does_keyset_bind(state, keyset, get_nonces(op.resources)):
            return Code.KEYSET_DOES_NOT_BIND
        return None
    parent = state.get_external_transfer(op.parent)
    about = op.chain_id, op.wallet, op.asset
    if parent is None or parent.purpose is TransferPurpose.CANCEL:
        return Code.PARENT_NOT_FOUND
    if (parent.chain_id, parent.wallet, parent.asset) != about:
        return Code.PARENT_NOT_FOUND
    if parent.state is TransferState.SETTLED:
        return Code.PARENT_IS_SETTLED
    return Code.PARENT_HAS_A_CANCEL if parent.cancel is not None else None


def _compute_requests_refusal(
    op: CreateExternalTransfer,
    requests: Sequence[ReviewableRequest],
    delta: LedgerDelta,
    context: TransactionContext,
) -> Code | None:
    asset = delta.get_asset(op.asset)
    if asset is None or len(requests) < len(op.requests):
        return Code.REQUEST_NOT_FOUND
    if any(each.pending_tasks != TRANSFER_TASKS for each in requests):
        return Code.REQUEST_NOT_READY
    withdrawing = require_asset(Action.WITHDRAW, asset.code, asset.asset_type)
    if not all(is_account_allowed(delta, e.requestor, withdrawing, context) for e in requests):
        return Code.REQUESTOR_NOT_ALLOWED
    if requests and is_withdrawal_halted(delta, op.asset):
        return Code.ASSET_HALTED
    return None


def _compute_policy_refusal(
    op: CreateExternalTransfer,
    requests: Sequence[ReviewableRequest],
    delta: LedgerDelta,
    context: TransactionContext,
) -> Code | None:
    bodies = [get_body(each, WithdrawalRequest) for each in requests]
    is_sum = op.amount == sum(body.amount for body in bodies) if bodies else bool(op.amount)
    if op.parent is not None:
        return Code.AMOUNT_MISMATCHED if op.amount else None
    if not is_sum:
        return Code.AMOUNT_MISMATCHED
    policy = delta.get_transfer_policy(op.chain_id, op.asset, op.purpose)
    if policy is None:
        return Code.POLICY_NOT_FOUND
    delay_ms, time_ms = policy.allow_list_delay_ms, context.ledger.close_time_ms
    if delay_ms is not None and not all(
        is_destination_allowed(delta, request.requestor, body.destination, delay_ms, time_ms)
        for request, body in zip(requests, bodies, strict=True)
    ):
        return Code.DESTINATION_NOT_ALLOWED
    return None if is_within_caps(delta, policy, op.amount, time_ms) else Code.CAP_EXCEEDED


def _compute_resources_refusal(op: CreateExternalTransfer, state: LedgerState) -> Code | None:
    if not all(is_next(state, each) for each in get_nonces(op.resources)):
        return Code.NONCE_MISMATCHED
    if is_any_in_use(state, op.resources):
        return Code.RESOURCE_IN_USE
    if op.submitter is not None and state.get_account(op.submitter) is None:
        return Code.SUBMITTER_NOT_FOUND
    return None


def _make_transfer(
    op: CreateExternalTransfer, delta: LedgerDelta, context: TransactionContext
) -> ExternalTransfer:
    """With the next number; it takes its resources."""
    counters = delta.get_counters()
    transfer_id = U64(counters.transfer + 1)
    delta.put(replace(counters, transfer=transfer_id))
    return ExternalTransfer(
        transfer_id=transfer_id,
        chain_id=op.chain_id,
        wallet=op.wallet,
        purpose=op.purpose,
        asset=op.asset,
        amount=op.amount,
        requests=op.requests,
        resources=use_resources(delta, transfer_id, op.resources),
        parent=op.parent,
        cancel=None,
        submitter=op.submitter,
        submitted_at_ms=None,
        versions=(TransferVersion(1, op.keyset_version, ()),),
        state=TransferState.COMMITTED,
        outcome=None,
        evidence=None,
        created_at_ms=U64(context.ledger.close_time_ms),
        settled_at_ms=None,
    )
