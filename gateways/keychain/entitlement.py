"""Who gets a key, judged on entries that the ledger proves. Pure.

The owner's signer gets it if its role allows the action at all: one that is for recovery alone does
not. An administrator is a signer of the operator's account (the master) whose own rules name the
custom resource `keychain:CLASS`: a role that may do anything is not meant. What is forbidden wins.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from schemas.generated import keys
from schemas.generated.common import AccountID, CustomResource, PublicKey
from schemas.generated.entries import DefaultSignerRules, Signer, SignerRole
from schemas.generated.getters import EntryGetters
from schemas.generated.keys import Entry, KeyBytes
from streams.ledger.access.requirements import Requirement, require_custom
from streams.ledger.access.rules import AccessRules, does_match

RESOURCE = "keychain:"


class Right(StrEnum):
    """The custom actions on `keychain:CLASS`."""

    CREATE = "create"
    OPEN = "open"
    ERASE = "erase"


class Desk(StrEnum):
    """The custom actions on `keychain`, which is about no class."""

    APPROVE = "approve"
    AUDIT = "audit"


class Standing(StrEnum):
    """Why somebody may."""

    OWNER = "owner"
    ADMINISTRATOR = "administrator"


class Proved(EntryGetters):
    """Entries of one ledger, and what is known not to be there (None)."""

    def __init__(self, entries: Mapping[KeyBytes, Entry | None]) -> None:
        self._entries = entries

    def get(self, key: KeyBytes) -> Entry | None:
        """Raises KeyError where neither was proved: then nothing may be judged."""
        return self._entries[key]

    def get_missing(self) -> list[KeyBytes]:
        """What else must be proved: roles of signers, then the rules of roles."""
        wanted: list[KeyBytes] = []
        for entry in self._entries.values():
            if isinstance(entry, Signer):
                wanted.append(keys.signer_role_key(entry.data.role_id))
            elif isinstance(entry, SignerRole | DefaultSignerRules):
                wanted += map(keys.signer_rule_key, entry.rule_ids)
        return [each for each in dict.fromkeys(wanted) if each not in self._entries]


def require(class_: str, right: Right) -> Requirement:
    return require_custom(RESOURCE + class_, right.value)


def require_desk(right: Desk) -> Requirement:
    return require_custom(RESOURCE.rstrip(":"), right.value)


def get_first_keys(accounts: Sequence[AccountID], signer: PublicKey) -> list[KeyBytes]:
    """What must be proved first: who the signer is."""
    found = [keys.DEFAULT_SIGNER_RULES]
    for account_id in dict.fromkeys(accounts):
        found += [keys.account_key(account_id), keys.signer_key(account_id, signer)]
    return found


def judge(
    state: Proved,
    requirement: Requirement,
    signer: PublicKey,
    owner: AccountID | None,
    operator: AccountID,
    time_ms: int,
) -> Standing | None:
    """None: he may not. `time_ms`: by the ledger's clock."""
    if owner is not None and _may(state, requirement, owner, signer, time_ms):
        return Standing.OWNER
    is_allowed = _may(state, requirement, operator, signer, time_ms)
    if is_allowed and _is_named(state, requirement, operator, signer):
        return Standing.ADMINISTRATOR
    return None


def _may(
    state: Proved,
    requirement: Requirement,
    account_id: AccountID,
    signer: PublicKey,
    time_ms: int,
) -> bool:
    found = state.get_signer(account_id, signer)
    if found is None or state.get_account(account_id) is None:
        return False
    rules = AccessRules().get_signer_role(state, found.data.role_id)
    return rules.is_allowed(requirement, time_ms)


def _is_named(
    state: Proved, requirement: Requirement, account_id: AccountID, signer: PublicKey
) -> bool:
    """Whether a rule of the role itself is about the resource."""
    found = state.get_signer(account_id, signer)
    role = None if found is None else state.get_signer_role(found.data.role_id)
    found_rules = map(state.get_signer_rule, () if role is None else role.rule_ids)
    return any(
        isinstance(rule.rule.resource, CustomResource)
        and rule.rule.resource.resource is not None
        and not rule.rule.forbids
        and does_match(rule.rule, requirement)
        for rule in found_rules
        if rule is not None
    )
