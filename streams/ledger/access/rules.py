"""What roles say of requirements, remembered: default deny, and what forbids wins.

Pure: a function of the entries of roles and rules.
"""

from collections.abc import Iterable, Sequence

from schemas.generated import keys
from schemas.generated.common import AccessRule, Action, AnyResource
from schemas.generated.entries import AccountRole, SignerRole
from schemas.generated.getters import EntryGetters
from streams.ledger.access.requirements import Requirement

REMEMBERED_MAX = 10_000
"""How many answers are kept per role."""
ACCESS_BRANCHES = (
    keys.ACCOUNT_ROLE[0],
    keys.SIGNER_ROLE[0],
    keys.ACCOUNT_RULE[0],
    keys.SIGNER_RULE[0],
    keys.DEFAULT_SIGNER_RULES[0],
)
"""What the keys begin with that answers depend on."""
NEVER = (1 << 64) - 1
MASKS = ("tasks_to_add", "tasks_to_remove", "all_tasks")


class RoleRules:
    """The rules of one role, its end, and the answers that were given so far."""

    __slots__ = ("answers", "ends_at_ms", "rules")

    def __init__(self, role: AccountRole | SignerRole | None, rules: Iterable[AccessRule]) -> None:
        self.rules = tuple(rules)
        end = 0 if role is None else role.ends_at_ms
        self.ends_at_ms = NEVER if end is None else end
        self.answers: dict[Requirement, bool] = {}

    def is_allowed(self, requirement: Requirement, time_ms: int) -> bool:
        if time_ms >= self.ends_at_ms:
            return False
        answer = self.answers.get(requirement)
        if answer is None:
            if len(self.answers) >= REMEMBERED_MAX:
                self.answers.clear()
            answer = self.answers[requirement] = is_allowed_by(self.rules, requirement)
        return answer


class AccessRules:
    """The rules of all roles after one ledger, gathered as they are asked for. Another object
    whenever a role or a rule has changed: what was found out with the old one is judged again."""

    __slots__ = ("_account_roles", "_signer_roles")

    def __init__(self) -> None:
        self._account_roles: dict[int, RoleRules] = {}
        self._signer_roles: dict[int, RoleRules] = {}

    def get_account_role(self, state: EntryGetters, role_id: int) -> RoleRules:
        """Of a role that does not exist: one that allows nothing."""
        found = self._account_roles.get(role_id)
        if found is None:
            role = state.get_account_role(role_id)
            ids = () if role is None else role.rule_ids
            rules = (rule.rule for rule in map(state.get_account_rule, ids) if rule is not None)
            found = self._account_roles[role_id] = RoleRules(role, rules)
        return found

    def get_signer_role(self, state: EntryGetters, role_id: int) -> RoleRules:
        """The same, with the default rules."""
        found = self._signer_roles.get(role_id)
        if found is None:
            role, default = state.get_signer_role(role_id), state.get_default_signer_rules()
            ids = [] if role is None else list(role.rule_ids)
            if role_id not in default.exempt_role_ids:
                ids += default.rule_ids
            rules = (rule.rule for rule in map(state.get_signer_rule, ids) if rule is not None)
            found = self._signer_roles[role_id] = RoleRules(role, rules)
        return found


def is_allowed_by(rules: Sequence[AccessRule], requirement: Requirement) -> bool:
    """Whether one of `rules` allows it and none forbids it."""
    matching = [rule for rule in rules if does_match(rule, requirement)]
    return bool(matching) and not any(rule.forbids for rule in matching)


def does_match(rule: AccessRule, requirement: Requirement) -> bool:
    """Whether `rule` speaks of it. A property that the rule leaves out is any."""
    kind, action, *properties = requirement
    if rule.action is not Action.ANY and rule.action.value != action:
        return False
    resource = rule.resource
    if type(resource) is AnyResource:
        return True
    if type(resource) is not kind:
        return False
    names = resource.__struct_fields__
    return all(
        _does_property_match(name, getattr(resource, name), value, forbids=rule.forbids)
        for name, value in zip(names, properties, strict=True)
    )


def _does_property_match(
    name: str, pattern: int | str | bool | None, value: int | str | bool | None, *, forbids: bool
) -> bool:
    if pattern is None:
        return True
    if name == "prefix":
        return str(value).startswith(str(pattern))
    if name in MASKS:
        bits, mask = int(value or 0), int(pattern)
        return bits & mask != 0 if forbids else bits & ~mask == 0
    return pattern == value
