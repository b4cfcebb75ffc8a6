"""The roles and rules that a network begins with."""

from collections.abc import Iterator, Sequence

from schemas.generated.common import (
    AccessKind,
    AccessRule,
    AccountID,
    Action,
    AnyResource,
    AssetPairResource,
    AssetResource,
    BalanceResource,
    DestinationResource,
    ExternalSystemResource,
    RequestResource,
    SignerResource,
    SignerRoleResource,
    SignerRuleResource,
    TransactionResource,
    TransferResource,
)
from schemas.generated.entries import (
    AccessCounters,
    AccessName,
    AccessUse,
    AccountRole,
    AccountRule,
    DefaultSignerRules,
    SignerRole,
    SignerRule,
)
from schemas.generated.keys import Entry
from streams.ledger.values import (
    MASTER_ROLE,
    MASTER_SIGNER_ROLE,
    OWNER_SIGNER_ROLE,
)


def _allow(kind: type, action: Action) -> AccessRule:
    """A rule for all resources of a kind."""
    return AccessRule(kind(*(None for _ in kind.__struct_fields__)), action, forbids=False)  # type: ignore[attr-defined]


ANYTHING = _allow(AnyResource, Action.ANY)
# Numbered from 1 in this order.
ACCOUNT_RULES = (
    ("anything", ANYTHING),
    ("send-transactions", _allow(TransactionResource, Action.SEND)),
    ("manage-signers", _allow(SignerResource, Action.ANY)),
    ("create-balances", _allow(BalanceResource, Action.CREATE)),
    ("send-assets", _allow(AssetResource, Action.SEND)),
    ("receive-assets", _allow(AssetResource, Action.RECEIVE)),
    ("receive-issuances", _allow(AssetResource, Action.RECEIVE_ISSUANCE)),
    ("receive-redemptions", _allow(AssetResource, Action.RECEIVE_REDEMPTION)),
    ("withdraw-assets", _allow(AssetResource, Action.WITHDRAW)),
    ("create-requests", _allow(RequestResource, Action.CREATE)),
    ("cancel-requests", _allow(RequestResource, Action.CANCEL)),
    ("update-assets", _allow(AssetResource, Action.UPDATE)),
    ("remove-assets", _allow(AssetResource, Action.REMOVE)),
    ("bind-addresses", _allow(ExternalSystemResource, Action.BIND)),
    ("manage-destinations", _allow(DestinationResource, Action.ANY)),
    ("sign-transfers", _allow(TransferResource, Action.SIGN)),
)
ACCOUNT_ROLES = (
    ("master", ("anything",), True),
    ("general", tuple(name for name, _ in ACCOUNT_RULES[1:]), False),
)
SIGNER_RULES = (
    ("anything", ANYTHING),
    ("create-requests", _allow(RequestResource, Action.CREATE)),
    ("create-requests-with-tasks", _allow(RequestResource, Action.CREATE_WITH_TASKS)),
    ("review-requests", _allow(RequestResource, Action.REVIEW)),
    ("halt-assets", _allow(AssetResource, Action.HALT)),
    ("update-prices", _allow(AssetPairResource, Action.UPDATE)),
)
DEFAULT_SIGNER_RULES = (
    (
        "protect-default-rules",
        AccessRule(SignerRuleResource(is_default=True), Action.ANY, forbids=True),
    ),
    *(
        (f"protect-{what}-{name}", AccessRule(resource, Action.ANY, forbids=True))
        for name, role_id in (("master", MASTER_SIGNER_ROLE), ("owner", OWNER_SIGNER_ROLE))
        for what, resource in (
            ("role", SignerRoleResource(role_id)),
            ("signers", SignerResource(role_id)),
        )
    ),
)
SIGNER_ROLES = (
    ("master", ("anything",), True),
    ("owner", ("anything",), True),
    ("default", ("anything",), False),
    ("service", tuple(name for name, _ in SIGNER_RULES[1:]), False),
)
EXEMPT = (MASTER_SIGNER_ROLE, OWNER_SIGNER_ROLE)


def make_access_entries(master: AccountID, signer_count: int) -> Iterator[Entry]:
    """`signer_count`: of the master account; they have the master role."""
    account_rules = {name: number for number, (name, _) in enumerate(ACCOUNT_RULES, 1)}
    signer_rules = (*SIGNER_RULES, *DEFAULT_SIGNER_RULES)
    signer_numbers = {name: number for number, (name, _) in enumerate(signer_rules, 1)}
    for name, rule in ACCOUNT_RULES:
        is_read_only = rule is ANYTHING
        yield AccountRule(account_rules[name], name, rule, b"", is_read_only)
    for role_id, (name, names, is_read_only) in enumerate(ACCOUNT_ROLES, 1):
        ids = tuple(account_rules[each] for each in names)
        yield AccountRole(role_id, name, ids, b"", None, is_read_only, pays_for_operations=False)
    for name, rule in signer_rules:
        is_read_only = rule is ANYTHING
        yield SignerRule(signer_numbers[name], name, master, rule, b"", is_read_only)
    for role_id, (name, names, is_read_only) in enumerate(SIGNER_ROLES, 1):
        ids = tuple(signer_numbers[each] for each in names)
        yield SignerRole(role_id, name, master, ids, b"", None, is_read_only)
    yield DefaultSignerRules(
        tuple(signer_numbers[name] for name, _ in DEFAULT_SIGNER_RULES), EXEMPT
    )
    yield AccessCounters(
        len(ACCOUNT_ROLES), len(ACCOUNT_RULES), len(SIGNER_ROLES), len(signer_rules)
    )
    yield from _make_names(AccessKind.ACCOUNT_ROLE, [name for name, *_ in ACCOUNT_ROLES])
    yield from _make_names(AccessKind.ACCOUNT_RULE, list(account_rules))
    yield from _make_names(AccessKind.SIGNER_ROLE, [name for name, *_ in SIGNER_ROLES])
    yield from _make_names(AccessKind.SIGNER_RULE, list(signer_numbers))
    yield AccessUse(AccessKind.ACCOUNT_ROLE, MASTER_ROLE, 1)
    yield AccessUse(AccessKind.SIGNER_ROLE, MASTER_SIGNER_ROLE, signer_count)
    yield from _make_rule_uses(AccessKind.ACCOUNT_RULE, account_rules, ACCOUNT_ROLES)
    yield from _make_rule_uses(AccessKind.SIGNER_RULE, signer_numbers, SIGNER_ROLES)


def _make_names(kind: AccessKind, names: Sequence[str]) -> Iterator[Entry]:
    for number, name in enumerate(names, 1):
        yield AccessName(kind, name, number)


def _make_rule_uses(
    kind: AccessKind,
    numbers: dict[str, int],
    roles: Sequence[tuple[str, tuple[str, ...], bool]],
) -> Iterator[Entry]:
    for name, number in numbers.items():
        count = sum(name in names for _, names, _ in roles)
        if count:
            yield AccessUse(kind, number, count)
