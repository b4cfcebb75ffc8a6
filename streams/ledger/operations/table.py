"""The code of every operation, found by the stems of the contract's table.

An operation's module has `validate`, `get_requirements`, `apply` and `compute_output_bytes`. One
that carries signatures of other keys has `get_signed_messages`.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from schemas.assembly import get_type_name
from schemas.contract import OPERATIONS as ROWS
from schemas.generated import operations
from schemas.generated.common import AccountID, Hash
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements
from streams.ledger.signatures import SignedMessage
from streams.ledger.state import LedgerState


class OperationKind(NamedTuple):
    """What the ledger knows of one operation.

    `get_requirements(body, source, state)`: what the role of its source, and the roles of the
    signers who sign for it, must allow. None: it names something that does not exist. It is asked
    before the ledger, so it may depend only on what a ledger cannot change (the asset of a balance,
    the type of an asset, the kind and asset of a request) and on accounts, signers and roles.
    `compute_output_bytes`: the most bytes the operation can add to a ledger's body beside its
    envelope, given the state before that ledger; None for the state: whatever it is.
    `is_sized_by_state`: whether that depends on the state (`IS_SIZED_BY_STATE` of the module).
    """

    validate: Callable[[Any], Any]
    get_requirements: Callable[[Any, AccountID, LedgerState], Requirements | None]
    apply: Callable[..., OperationResult]
    compute_output_bytes: Callable[[Any, LedgerState | None], int]
    is_sized_by_state: bool
    get_signed_messages: Callable[[Any, Hash], list[SignedMessage]] | None


def _load(stem: str) -> OperationKind:
    module = import_module(f"streams.ledger.operations.{stem}")
    return OperationKind(
        module.validate,
        module.get_requirements,
        module.apply,
        module.compute_output_bytes,
        getattr(module, "IS_SIZED_BY_STATE", False),
        getattr(module, "get_signed_messages", None),
    )


OPERATIONS: dict[type, OperationKind] = {
    getattr(operations, get_type_name(row.stem)): _load(row.stem) for row in ROWS
}
SIGNED_MESSAGES = {
    body: kind.get_signed_messages
    for body, kind in OPERATIONS.items()
    if kind.get_signed_messages is not None
}
SIZED_BY_STATE = frozenset(body for body, kind in OPERATIONS.items() if kind.is_sized_by_state)
