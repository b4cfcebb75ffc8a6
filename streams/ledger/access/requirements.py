"""What an operation needs to be allowed: an action on a resource with known properties.

A requirement is a tuple (kind of resource, number of the action, the resource's properties), so
that what a role says of it can be remembered under it. Rules name resources by the same properties.
"""

from typing import Any, TypeAlias

from schemas.generated.bounds import KEY_VALUE_RESOURCE_PREFIX_LENGTH_MAX
from schemas.generated.common import (
    AccessRule,
    AccountResource,
    AccountRoleResource,
    AccountRuleResource,
    Action,
    ApprovalPolicyResource,
    AssetPairResource,
    AssetResource,
    BalanceResource,
    ChainResource,
    CustomResource,
    DestinationResource,
    ExternalSystemResource,
    FeesResource,
    KeysetResource,
    KeyValueResource,
    LimitsResource,
    RequestResource,
    SignerResource,
    SignerRoleResource,
    SignerRuleResource,
    TransactionResource,
    TransferPolicyResource,
    TransferPurpose,
    TransferResource,
    WalletKind,
)

Requirement: TypeAlias = tuple[Any, ...]
Requirements: TypeAlias = tuple[Requirement, ...]

SEND_TRANSACTION: Requirement = (TransactionResource, Action.SEND.value)

# `_value_`: an enum member's `value` is a property that costs as much as the rest.


def require_account(action: Action, role_id: int | None) -> Requirement:
    """Accounts of a role."""
    return (AccountResource, action._value_, role_id)


def require_signer(action: Action, role_id: int) -> Requirement:
    """Signers of a role."""
    return (SignerResource, action._value_, role_id)


def require_balance(action: Action, asset: str, asset_type: int) -> Requirement:
    """Balances of an asset."""
    return (BalanceResource, action._value_, asset, asset_type)


def require_asset(action: Action, asset: str, asset_type: int) -> Requirement:
    """An asset, and moving it."""
    return (AssetResource, action._value_, asset, asset_type)


def require_request(
    action: Action,
    kind: str,
    asset: str | None = None,
    asset_type: int | None = None,
    *,
    tasks_to_add: int = 0,
    tasks_to_remove: int = 0,
    all_tasks: int = 0,
) -> Requirement:
    """A request of a kind, about an asset if its kind is about one."""
    bits = (tasks_to_add, tasks_to_remove, all_tasks)
    return (RequestResource, action._value_, kind, asset, asset_type, *bits)


def require_new_request(
    kind: str, asset: str | None, asset_type: int | None, all_tasks: int | None
) -> Requirement:
    """Creating a request. Naming its tasks (`all_tasks`) is another right than creating it."""
    if all_tasks is None:
        return require_request(Action.CREATE, kind, asset, asset_type)
    action = Action.CREATE_WITH_TASKS
    return require_request(action, kind, asset, asset_type, all_tasks=all_tasks)


def require_key_value(action: Action, key: str) -> Requirement:
    """One key of the configuration."""
    return (KeyValueResource, action._value_, key)


def require_account_role(action: Action, role_id: int | None) -> Requirement:
    """An account role itself; None: a new one."""
    return (AccountRoleResource, action._value_, role_id)


def require_account_rule(action: Action) -> Requirement:
    """An account rule itself."""
    return (AccountRuleResource, action._value_)


def require_signer_role(action: Action, role_id: int | None) -> Requirement:
    """A signer role itself; None: a new one."""
    return (SignerRoleResource, action._value_, role_id)


def require_signer_rule(action: Action, *, is_default: bool) -> Requirement:
    """A signer rule itself."""
    return (SignerRuleResource, action._value_, is_default)


def require_fees(action: Action, asset: str | None, asset_type: int | None) -> Requirement:
    """Fees of an asset."""
    return (FeesResource, action._value_, asset, asset_type)


def require_limits(action: Action, asset: str, asset_type: int) -> Requirement:
    """Limits of an asset."""
    return (LimitsResource, action._value_, asset, asset_type)


def require_asset_pair(action: Action, base: str, quote: str) -> Requirement:
    """A pair of assets."""
    return (AssetPairResource, action._value_, base, quote)


def require_approval_policy(action: Action, kind: str) -> Requirement:
    """Approval policies of a kind of request."""
    return (ApprovalPolicyResource, action._value_, kind)


def require_external_system(action: Action, system: str) -> Requirement:
    """Addresses of an external system."""
    return (ExternalSystemResource, action._value_, system)


def require_chain(action: Action, chain_id: str) -> Requirement:
    """What the network knows of a chain."""
    return (ChainResource, action._value_, chain_id)


def require_keyset(action: Action, chain_id: str, wallet: WalletKind) -> Requirement:
    """Keysets of a wallet."""
    return (KeysetResource, action._value_, chain_id, wallet)


def require_transfer(
    action: Action, chain_id: str, asset: str, purpose: TransferPurpose
) -> Requirement:
    """External transfers."""
    return (TransferResource, action._value_, chain_id, asset, purpose)


def require_transfer_policy(action: Action, chain_id: str, asset: str) -> Requirement:
    """Policies of external transfers."""
    return (TransferPolicyResource, action._value_, chain_id, asset)


def require_destinations(action: Action) -> Requirement:
    """The source's own list of destinations."""
    return (DestinationResource, action._value_)


def require_custom(resource: str, action: str) -> Requirement:
    """Something outside the ledger."""
    return (CustomResource, Action.CUSTOM.value, resource, action)


def make_needed_rule(requirement: Requirement) -> AccessRule:
    """The narrowest rule that would allow it, for a refusal's detail."""
    kind, action, *properties = requirement
    if kind is KeyValueResource:
        properties = [properties[0][:KEY_VALUE_RESOURCE_PREFIX_LENGTH_MAX]]
    return AccessRule(kind(*properties), Action(action), forbids=False)
