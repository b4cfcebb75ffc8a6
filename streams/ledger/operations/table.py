"""All operations: which code serves a body, and what its source's role must allow."""

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

from schemas.generated import operations
from schemas.generated.common import Permission
from schemas.generated.transactions import OperationResult
from streams.ledger.operations import (
    create_account,
    create_issuance_request,
    manage_asset,
    manage_balance,
    manage_key_value,
    manage_signer,
    payment,
)


class OperationKind(NamedTuple):
    """What the ledger knows of one operation."""

    permission: Permission
    validate: Callable[[Any], Any]
    apply: Callable[..., OperationResult]
    compute_output_bytes: Callable[[Any], int]


def _kind(permission: Permission, module: ModuleType) -> OperationKind:
    return OperationKind(permission, module.validate, module.apply, module.compute_output_bytes)


OPERATIONS: dict[type, OperationKind] = {
    operations.CreateAccount: _kind(Permission.CREATE_ACCOUNT, create_account),
    operations.ManageSigner: _kind(Permission.MANAGE_SIGNER, manage_signer),
    operations.ManageBalance: _kind(Permission.MANAGE_BALANCE, manage_balance),
    operations.ManageKeyValue: _kind(Permission.MANAGE_KEY_VALUE, manage_key_value),
    operations.ManageAsset: _kind(Permission.CREATE_ASSET, manage_asset),
    operations.CreateIssuanceRequest: _kind(
        Permission.CREATE_ISSUANCE_REQUEST, create_issuance_request
    ),
    operations.Payment: _kind(Permission.SEND_PAYMENT, payment),
}
