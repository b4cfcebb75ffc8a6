"""What people do beside moving money: accounts, signers, roles, rules, requests, assets, policies.

Whatever comes of it, no money moves.
"""

from collections.abc import Callable
from typing import Any, Protocol

from schemas.generated.common import (
    U64,
    AccessRule,
    Action,
    Amount,
    Hash,
    KycCommitment,
    Limit,
    LimitKind,
    PeriodAmounts,
    Price,
    TransactionResource,
)
from schemas.generated.operations import (
    CancelChangeRoleRequest,
    CreateAccountRole,
    CreateAccountRule,
    CreateAssetPair,
    CreateChangeRoleRequest,
    CreateKycRecoveryRequest,
    CreateManageLimitsRequest,
    CreateSigner,
    CreateSignerRole,
    CreateSignerRule,
    InitiateKycRecovery,
    ManageAccountRole,
    ManageAccountRule,
    ManageAssetPair,
    ManageKeyValue,
    ManageSigner,
    ManageSignerRole,
    ManageSignerRule,
    PutKeyValue,
    RemoveAsset,
    RemoveAssetPair,
    RemoveKeyValue,
    RemoveSigner,
    U32Value,
)
from streams.ledger.values import GENERAL_ROLE
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    create_balance,
    get_account,
    get_owner,
    get_public_key,
)
from tests.support.requests import govern, put_policy

TASK = 16


class Machine(Protocol):
    """What these need of the machine."""

    network: Network

    def apply(self, source: str, *bodies: Any, days: int = 0) -> Any: ...


def change_accounts_and_signers(machine: Machine, number: int) -> None:
    name = f"person {number}"
    machine.apply("master", create_account(name))
    machine.apply("alice", ManageSigner(CreateSigner(get_owner(name, identity=1))))
    machine.apply("alice", ManageSigner(RemoveSigner(get_public_key(f"person {number // 2}"))))
    machine.apply("bob", create_balance("bob", "EUR"))


def change_key_values(machine: Machine, number: int) -> None:
    machine.apply("master", ManageKeyValue(f"k{number}", PutKeyValue(U32Value(number))))
    machine.apply("master", ManageKeyValue(f"k{number // 2}", RemoveKeyValue()))


def change_roles_and_rules(machine: Machine, number: int) -> None:
    made = AccessRule(TransactionResource(), Action.READ, forbids=False)
    name = f"n{number}"
    account_rule = CreateAccountRule(name, made, b"", is_read_only=False)
    signer_rule = CreateSignerRule(name, made, b"", is_read_only=False, is_default=False)
    account_role = CreateAccountRole(
        name, (), b"", None, is_read_only=False, pays_for_operations=False
    )
    for body in (
        ManageAccountRule(account_rule),
        ManageSignerRule(signer_rule),
        ManageAccountRole(account_role),
        ManageSignerRole(CreateSignerRole(name, (), b"", None, is_read_only=False)),
    ):
        machine.apply("master", body)


def ask_for_roles_signers_and_limits(machine: Machine, number: int) -> None:
    name, kyc = f"person {number}", KycCommitment(Hash(bytes(32)), U64(number))
    account_id = get_account(name)
    if machine.network.ledger.state.get_account(account_id) is None:
        machine.apply("master", create_account(name))
    change = CreateChangeRoleRequest(U64(0), account_id, GENERAL_ROLE, kyc, TASK)
    outcome = machine.apply("master", change)
    if outcome is not None:
        machine.apply("master", CancelChangeRoleRequest(outcome.request_id))
    periods = PeriodAmounts(*(Amount(number + 1) for _ in range(4)))
    limit = Limit(LimitKind.DEPOSIT, "EUR", False, periods)
    machine.apply(name, CreateManageLimitsRequest(U64(0), (limit,), b"", None))
    machine.apply("master", InitiateKycRecovery(account_id, get_public_key(name)))
    signers = (get_owner(name),)
    machine.apply(name, CreateKycRecoveryRequest(U64(0), signers, None, None))


def change_assets_pairs_and_policies(machine: Machine, number: int) -> None:
    code, at = f"X{number}", machine.network.ledger.header.close_time_ms
    machine.apply("issuer", create_asset(code))
    pair = CreateAssetPair(Price(Amount(1), Amount(2)), U64(1), at, 60_000, 0)
    machine.apply("master", ManageAssetPair(code, "EUR", pair))
    machine.apply("master", RemoveAssetPair(f"X{number // 2}", "EUR"))
    machine.apply("issuer", RemoveAsset(code))
    machine.apply("master", put_policy("create_asset", 1 + number, asset="EUR"))
    machine.apply("master", govern(put_policy("update_asset", 2), TASK))


OTHERS: tuple[Callable[[Machine, int], None], ...] = (
    change_accounts_and_signers,
    change_key_values,
    change_roles_and_rules,
    ask_for_roles_signers_and_limits,
    change_assets_pairs_and_policies,
)
