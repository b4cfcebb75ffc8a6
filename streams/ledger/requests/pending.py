"""Reviewable requests in general: numbers, tasks, and the entry of a pending one (TokenD 2.2)."""

from schemas.codec import encode
from schemas.generated.common import AccountID
from schemas.generated.entries import Counters, ReviewableRequest
from schemas.generated.operations import U32Value
from schemas.generated.requests import CreateAssetRequest, IssuanceRequest
from streams.ledger.context import TransactionContext
from streams.ledger.hashes import compute_hash
from streams.ledger.state import LedgerDelta


def get_tasks(delta: LedgerDelta, given: int | None, *keys: str) -> int | None:
    """The tasks given, or those of the first of `keys` that is set; None: the feature is closed."""
    if given is not None:
        return given
    for key in keys:
        entry = delta.get_key_value(key)
        if entry is not None and isinstance(entry.value, U32Value):
            return entry.value.value
    return None


def apply_next_request_id(delta: LedgerDelta) -> int:
    """Takes the next request number, also for a request that is fulfilled at once."""
    counters = delta.get_counters()
    request_id = counters.request + 1
    delta.put(Counters(counters.account, request_id))
    return request_id


def make_request(
    delta: LedgerDelta,
    context: TransactionContext,
    request_id: int,
    requestor: AccountID,
    body: CreateAssetRequest | IssuanceRequest,
    tasks: int,
) -> ReviewableRequest:
    """The entry of a request with tasks left."""
    return ReviewableRequest(
        request_id=request_id,
        body_hash=compute_hash(encode(body)),
        requestor=requestor,
        reviewer=delta.get_network_settings().master_account,
        reject_reason="",
        reference=None,
        created_at_ms=context.ledger.close_time_ms,
        all_tasks=tasks,
        pending_tasks=tasks,
        body=body,
    )
