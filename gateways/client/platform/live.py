"""What a network's platform is now, read from a Horizon gateway."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

Json = Any


class Reader(Protocol):
    """What is asked of a Horizon client."""

    def walk(self, path: str) -> Iterator[Json]: ...


@dataclass(frozen=True)
class Layer:
    """Roles and rules of accounts, or of signers: entries by name."""

    rules: dict[str, Json]
    roles: dict[str, Json]

    def get_rule_id(self, name: str) -> str | None:
        found = self.rules.get(name)
        return None if found is None else str(found["rule_id"])

    def get_role_id(self, name: str) -> str | None:
        found = self.roles.get(name)
        return None if found is None else str(found["role_id"])

    def get_rule_names(self, role: Json) -> set[str]:
        names = {rule["rule_id"]: name for name, rule in self.rules.items()}
        return {names[each] for each in role["rule_ids"]}

    def get_role_name(self, role_id: str) -> str | None:
        return next((n for n, role in self.roles.items() if role["role_id"] == role_id), None)


@dataclass(frozen=True)
class Live:
    """Entries as Horizon shows them. `default_rules`: names of the signer rules that every role
    has. `fees`, `limits`: of roles and of all. `policies`: by KIND:ASSET."""

    accounts: Layer
    signers: Layer
    default_rules: frozenset[str]
    key_values: dict[str, Json]
    assets: dict[str, Json]
    pairs: dict[str, Json]
    fees: list[Json]
    limits: list[Json]
    policies: dict[str, Json]


def read_live(client: Reader) -> Live:
    """Raises ClientError. Pages are of successive ledgers: a plan is made anew before each step."""
    account_rules, account_roles = _read(client, "account-rules"), _read(client, "account-roles")
    signer_rules, signer_roles = _read(client, "signer-rules"), _read(client, "signer-roles")
    default_ids = {n for each in _walk(client, "default-signer-rules") for n in each["rule_ids"]}
    default = (name for name, each in signer_rules.items() if each["rule_id"] in default_ids)
    return Live(
        Layer(account_rules, account_roles),
        Layer(signer_rules, signer_roles),
        frozenset(default),
        {each["id"]: each["attributes"] for each in client.walk("/v3/key-values")},
        {each["id"]: each["attributes"] for each in client.walk("/v3/assets")},
        {f"{each['base']}:{each['quote']}": each for each in _walk(client, "asset-pairs")},
        list(_walk(client, "fees")),
        list(_walk(client, "limits")),
        {_name_policy(each): each for each in _walk(client, "approval-policies")},
    )


def _name_policy(entry: Json) -> str:
    return f"{entry['kind']}:{entry['asset']}" if entry["asset"] else str(entry["kind"])


def _read(client: Reader, path: str) -> dict[str, Json]:
    return {each["name"]: each for each in _walk(client, path)}


def _walk(client: Reader, path: str) -> Iterator[Json]:
    for each in client.walk(f"/v3/{path}"):
        yield each["attributes"]["entry"]
