"""The code of every kind of request, found by the stems of the contract's table.

A kind's module has:

* `IS_EDITABLE`: whether a rejected request may be edited; if not, it is only rejected for good.
* `fulfil(delta, request, context)`: makes it take effect.
* `OUTPUT_BYTES`: the most bytes that all of its functions together add to a ledger's body, beside
  the request itself; or, where that depends on the request, `compute_output_bytes(body)`.

And where there is something to do or to say:

* `get_asset(body, state)`: the code of the asset it is about, or None. An edit never changes it.
* `NOT_REVIEWED_TASKS`: bits that no review clears, because operations of their own do.
* `get_asset_type(body)`, of a kind about an asset that does not exist yet: the type it will have.
* `compute_system_tasks(body, requestor, state, context)`: the system bits that hold it back now.
* `hold(delta, request, context)`: takes what the request holds while it stands (a code, an amount);
  `fulfil` and `release` start from it.
* `release(delta, request)`: gives back what it held; it is edited, cancelled or rejected for good.

`hold` and `fulfil` return a `FulfilmentCode` where they cannot; then the operation is refused. A
request's `amount`, if its body has that field, decides which range of an approval policy applies.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias

from schemas.assembly import get_type_name
from schemas.contract import REQUESTS as ROWS
from schemas.generated import requests
from schemas.generated.bounds import (
    REVIEWABLE_REQUEST_APPROVALS_ITEMS_MAX,
    REVIEWABLE_REQUEST_EDITORS_ITEMS_MAX,
    REVIEWABLE_REQUEST_EXTERNAL_DETAILS_ITEMS_MAX,
)
from schemas.generated.common import AccountID, ExternalDetail
from schemas.generated.entries import Approval, RequestAuthor, ReviewableRequest
from schemas.generated.sizes import BYTES_MAX
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused
from streams.ledger.context import TransactionContext
from streams.ledger.output import compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

Refusal: TypeAlias = FulfilmentCode | FulfilmentRefused | None
"""A `FulfilmentRefused` names a cause beside its code."""


class RequestKind(NamedTuple):
    """What the ledger knows of one kind of request; see above."""

    name: str
    is_editable: bool
    get_asset: Callable[[Any, LedgerState], str | None]
    compute_system_tasks: Callable[[Any, AccountID, LedgerState, TransactionContext], int]
    hold: Callable[[LedgerDelta, ReviewableRequest, TransactionContext], Refusal]
    fulfil: Callable[[LedgerDelta, ReviewableRequest, TransactionContext], Refusal]
    release: Callable[[LedgerDelta, ReviewableRequest], None]
    compute_output_bytes: Callable[[Any], int]
    get_asset_type: Callable[[Any], int] | None
    not_reviewed_tasks: int


def _load(stem: str) -> RequestKind:
    module = import_module(f"streams.ledger.requests.{stem}")
    return RequestKind(
        stem,
        module.IS_EDITABLE,
        getattr(module, "get_asset", lambda _body, _state: None),
        getattr(module, "compute_system_tasks", lambda _body, _requestor, _state, _context: 0),
        getattr(module, "hold", lambda _delta, _request, _context: None),
        module.fulfil,
        getattr(module, "release", lambda _delta, _request: None),
        getattr(module, "compute_output_bytes", lambda _body: module.OUTPUT_BYTES),
        getattr(module, "get_asset_type", None),
        getattr(module, "NOT_REVIEWED_TASKS", 0),
    )


REQUESTS: dict[type, RequestKind] = {
    getattr(requests, f"{get_type_name(row.stem)}Request"): _load(row.stem) for row in ROWS
}
LARGEST_BODY_BYTES = max(BYTES_MAX[kind] for kind in REQUESTS)
# What a new request has none of.
NOTES_BYTES = REVIEWABLE_REQUEST_EXTERNAL_DETAILS_ITEMS_MAX * BYTES_MAX[ExternalDetail] + (
    REVIEWABLE_REQUEST_APPROVALS_ITEMS_MAX * BYTES_MAX[Approval]
    + REVIEWABLE_REQUEST_EDITORS_ITEMS_MAX * BYTES_MAX[RequestAuthor]
)


def get_kind(request: ReviewableRequest) -> RequestKind:
    return REQUESTS[type(request.body)]


def describe_request(
    request: ReviewableRequest, state: LedgerState
) -> tuple[str, str | None, int | None]:
    """What rules know of it: its kind, and the code and type of the asset it is about."""
    kind = get_kind(request)
    if kind.get_asset_type is not None:
        return kind.name, kind.get_asset(request.body, state), kind.get_asset_type(request.body)
    code = kind.get_asset(request.body, state)
    asset = None if code is None else state.get_asset(code)
    return kind.name, code, None if asset is None else asset.asset_type


def compute_request_change_bytes(body: type, *, is_new: bool = False) -> int:
    """The most bytes of a change of a request whose body is a `body`."""
    surplus = LARGEST_BODY_BYTES - BYTES_MAX[body]
    if is_new:
        return compute_change_bytes(ReviewableRequest, is_new=True) - surplus - NOTES_BYTES
    return compute_change_bytes(ReviewableRequest) - 2 * surplus
