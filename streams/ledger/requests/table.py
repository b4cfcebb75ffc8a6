"""The code of every kind of request, found by the stems of the contract's table.

A kind's module has:

* `IS_EDITABLE`: whether a rejected request may be edited; if not, it is only rejected for good.
* `get_asset(body, state)`: the code of the asset it is about, or None. An edit never changes it.
* `compute_system_tasks(body, requestor, state, context)`: the system bits that hold it back now.
* `hold(delta, request, context)`: takes what the request holds while it stands (a code, an amount);
  `fulfil` and `release` start from it.
* `fulfil(delta, request, context)`: makes it take effect.
* `release(delta, request)`: gives back what it held; it is edited, cancelled or rejected for good.
* `compute_output_bytes(body)`: the most bytes that all of them together add to a ledger's body,
  beside the request itself; None for the body: whatever it is.

`hold` and `fulfil` return a `FulfilmentCode` where they cannot; then the operation is refused.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from schemas.assembly import get_type_name
from schemas.contract import REQUESTS as ROWS
from schemas.generated import requests
from schemas.generated.common import AccountID
from schemas.generated.entries import ReviewableRequest
from schemas.generated.sizes import BYTES_MAX
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.context import TransactionContext
from streams.ledger.output import compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState


class RequestKind(NamedTuple):
    """What the ledger knows of one kind of request; see above."""

    name: str
    is_editable: bool
    get_asset: Callable[[Any, LedgerState], str | None]
    compute_system_tasks: Callable[[Any, AccountID, LedgerState, TransactionContext], int]
    hold: Callable[[LedgerDelta, ReviewableRequest, TransactionContext], FulfilmentCode | None]
    fulfil: Callable[[LedgerDelta, ReviewableRequest, TransactionContext], FulfilmentCode | None]
    release: Callable[[LedgerDelta, ReviewableRequest], None]
    compute_output_bytes: Callable[[Any], int]


def _load(stem: str) -> RequestKind:
    module = import_module(f"streams.ledger.requests.{stem}")
    return RequestKind(
        stem,
        module.IS_EDITABLE,
        module.get_asset,
        module.compute_system_tasks,
        module.hold,
        module.fulfil,
        module.release,
        module.compute_output_bytes,
    )


REQUESTS: dict[type, RequestKind] = {
    getattr(requests, f"{get_type_name(row.stem)}Request"): _load(row.stem) for row in ROWS
}
LARGEST_BODY_BYTES = max(BYTES_MAX[kind] for kind in REQUESTS)
OUTPUT_BYTES_MAX = max(kind.compute_output_bytes(None) for kind in REQUESTS.values())


def get_kind(request: ReviewableRequest) -> RequestKind:
    return REQUESTS[type(request.body)]


def describe_request(
    request: ReviewableRequest, state: LedgerState
) -> tuple[str, str | None, int | None]:
    """What rules know of it: its kind, and the code and type of the asset it is about."""
    kind = get_kind(request)
    code = kind.get_asset(request.body, state)
    asset = None if code is None else state.get_asset(code)
    return kind.name, code, None if asset is None else asset.asset_type


def compute_request_change_bytes(body: type, *, is_new: bool = False) -> int:
    """The most bytes of a change of a request whose body is a `body`."""
    surplus = LARGEST_BODY_BYTES - BYTES_MAX[body]
    count = 1 if is_new else 2
    return compute_change_bytes(ReviewableRequest, is_new=is_new) - count * surplus
