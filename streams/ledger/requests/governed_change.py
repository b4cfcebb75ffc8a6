"""A governed change: an operation that waits until the people that a policy names agree on it.

It is applied as the requestor's own, whose role must allow it then too. Some operations are refused
outside of such a request (see `is_guarded`), or do more within one (`context.is_governed`).
"""

from dataclasses import replace
from enum import Enum
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from schemas.assembly import get_stem, get_type_name
from schemas.contract import GOVERNED
from schemas.generated import operations
from schemas.generated.entries import ReviewableRequest
from schemas.generated.operations import (
    CheckpointChain,
    ManageAssetHalt,
    ManageAssetPair,
    ManageKeyset,
    UpdatePairPolicies,
)
from schemas.generated.requests import GovernedChangeRequest
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, OperationCode
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.context import TransactionContext
from streams.ledger.requests.body import get_body
from streams.ledger.requests.policies import get_terms
from streams.ledger.state import LedgerDelta, LedgerState

IS_EDITABLE = False
KIND = "governed_change"
CHANGES: frozenset[type] = frozenset(getattr(operations, get_type_name(stem)) for stem in GOVERNED)
# Of pairs only how prices are checked: prices within their step, halts and checkpoints are set by
# services. A keyset is never changed outside of a governed change, whatever the policies say.
GUARDED = CHANGES - {ManageAssetHalt, CheckpointChain, ManageKeyset}


def is_guarded(change: Any, state: LedgerState) -> bool:
    """Whether a policy demands that this operation is part of a governed change."""
    if type(change) not in GUARDED:  # nearly always
        return False
    if isinstance(change, ManageAssetPair) and not isinstance(change.action, UpdatePairPolicies):
        return False
    return get_terms(state, KIND, get_changed_asset(change), 0) is not None


def get_changed_asset(change: Any) -> str | None:
    """The code of the asset that the operation is about, if it is about one."""
    if isinstance(change, ManageAssetHalt):
        return change.asset
    return change.base if isinstance(change, ManageAssetPair) else None


def get_asset(body: GovernedChangeRequest, state: LedgerState) -> str | None:
    del state
    return get_changed_asset(body.change)


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentRefused | None:
    """Nothing; but what holds whatever the ledger says is judged at once."""
    del delta, context
    change = get_body(request, GovernedChangeRequest).change
    code = get_module(change).validate(change)
    return None if code is None else _refuse(code)


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentRefused | None:
    """Applies the operation."""
    change, requestor = get_body(request, GovernedChangeRequest).change, request.requestor
    module = get_module(change)
    requirements = module.get_requirements(change, requestor, delta)
    if requirements is None:
        return _refuse(OperationCode.NO_ENTRY)
    if not all(is_account_allowed(delta, requestor, each, context) for each in requirements):
        return _refuse(OperationCode.NO_ROLE_PERMISSION)
    result = module.apply(change, requestor, delta, replace(context, is_governed=True))
    return _refuse(result.outcome) if isinstance(result.outcome, Enum) else None


def compute_output_bytes(body: GovernedChangeRequest) -> int:
    size: int = get_module(body.change).compute_output_bytes(body.change, None)
    return size


def get_module(change: Any) -> Any:
    """Of an operation that a governed change can carry."""
    return _load(type(change).__name__)


@cache
def _load(name: str) -> ModuleType:
    """Late, because the modules of operations know those of requests."""
    return import_module(f"streams.ledger.operations.{get_stem(name)}")


def _refuse(code: Enum) -> FulfilmentRefused:
    cause = f"{get_stem(type(code).__name__)}.{code.name}"
    return FulfilmentRefused(FulfilmentCode.CHANGE_REFUSED, cause)
