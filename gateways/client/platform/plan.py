"""What it takes to make a network like a platform file. Pure.

Stages follow each other, because what a transaction creates has no number before it is in a ledger:
rules, roles, key values, assets, pairs and fees.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from gateways.client.errors import ClientError
from gateways.client.platform.changes import (
    ASSETS,
    CHANGE,
    CREATE,
    DRIFT,
    KEY_VALUES,
    ROLES,
    RULES,
    Change,
    find_strays,
)
from gateways.client.platform.file import show_policies
from gateways.client.platform.live import Layer, Live
from gateways.client.platform.money import plan_fees, plan_limits, plan_pairs, plan_policies
from schemas.assembly import get_stem
from streams.ledger.operations.manage_key_value import RESERVED_PREFIXES
from streams.ledger.values import AssetPolicy

Json = Any


def make_plan(platform: Mapping[str, Json], live: Live) -> list[Change]:
    """In order of stages. Raises ClientError if the file names what is nowhere."""
    changes: list[Change] = []
    for layer, present in (("account", live.accounts), ("signer", live.signers)):
        default = live.default_rules if layer == "signer" else frozenset()
        changes += _plan_rules(layer, platform[f"{layer}_rules"], present, default)
        known = {*platform[f"{layer}_rules"], *present.rules}
        changes += _plan_roles(layer, platform[f"{layer}_roles"], present, known)
    changes += _plan_key_values(platform, live)
    changes += _plan_assets(platform["assets"], live)
    changes += plan_pairs(platform["pairs"], live)
    changes += plan_fees(platform, live)
    changes += plan_limits(platform, live)
    changes += plan_policies(platform["policies"], live)
    return sorted(changes, key=lambda each: each.stage)


def _plan_rules(
    layer: str, wanted: Mapping[str, Json], present: Layer, default: frozenset[str]
) -> Iterator[Change]:
    kind = f"manage_{layer}_rule"
    for name, each in wanted.items():
        what, found = f"{layer} rule {name}", present.rules.get(name)
        content = {"name": name, "rule": each["rule"], "details": each["details"]}
        if found is None:
            more = {"is_default": each["is_default"]} if layer == "signer" else {}
            action = {"type": f"create_{layer}_rule", **content, **more}
            yield Change(RULES, CREATE, what, _show_rule(each["rule"]), _act(kind, action))
        elif each["is_default"] != (name in default):
            text = "whether it is every role's cannot be changed: remove it and create it again"
            yield Change(RULES, DRIFT, what, text, None)
        elif (found["rule"], found["details"]) != (each["rule"], each["details"]):
            action = {"type": f"update_{layer}_rule", "rule_id": found["rule_id"], **content}
            text = f"{_show_rule(found['rule'])} -> {_show_rule(each['rule'])}"
            yield Change(RULES, CHANGE, what, text, _act(kind, action))
    yield from find_strays(RULES, f"{layer} rule", present.rules, wanted)


def _plan_roles(
    layer: str, wanted: Mapping[str, Json], present: Layer, known: set[str]
) -> Iterator[Change]:
    kind = f"manage_{layer}_role"
    for name, each in wanted.items():
        what, found, names = f"{layer} role {name}", present.roles.get(name), set(each["rules"])
        for rule in sorted(names - known):
            raise ClientError(f"{what}: there is no {layer} rule {rule}")
        ids = [present.get_rule_id(rule) for rule in sorted(names)]
        end = each.get("ends_at_ms")
        content = {
            "name": name,
            "rule_ids": ids,
            "details": each.get("details"),
            "ends_at_ms": end,
        }
        is_ready = None not in ids
        if found is None:
            action = {"type": f"create_{layer}_role", **content}
            operation = _act(kind, action) if is_ready else None
            yield Change(ROLES, CREATE, what, f"rules {', '.join(sorted(names))}", operation)
            continue
        had = present.get_rule_names(found)
        if (had, found["details"], found["ends_at_ms"]) == (names, content["details"], end):
            continue
        action = {"type": f"update_{layer}_role", "role_id": found["role_id"], **content}
        text = " ".join(
            (*(f"+{rule}" for rule in sorted(names - had)), *(f"-{r}" for r in sorted(had - names)))
        )
        yield Change(ROLES, CHANGE, what, text, _act(kind, action) if is_ready else None)
    yield from find_strays(ROLES, f"{layer} role", present.roles, wanted)


def _plan_key_values(platform: Mapping[str, Json], live: Live) -> Iterator[Change]:
    for key, given in platform["key_values"].items():
        value = _get_value(key, given, platform, live)
        found = live.key_values.get(key)
        had = None if found is None else f"{found['kind']} {found['value']}"
        what = f"key value {key}"
        if value is None:
            yield Change(KEY_VALUES, CREATE, what, str(given), None)
            continue
        text = f"{value['type'].removesuffix('_value')} {value['value']}"
        if had == text:
            continue
        action = {"type": "put_key_value", "value": value}
        operation = {"type": "manage_key_value", "key": key, "action": action}
        sign = CREATE if had is None else CHANGE
        yield Change(KEY_VALUES, sign, what, text if had is None else f"{had} -> {text}", operation)
    yield from find_strays(KEY_VALUES, "key value", live.key_values, platform["key_values"])


def _get_value(key: str, given: Json, platform: Mapping[str, Json], live: Live) -> Json:
    """As the contract says it; None while the role that it names does not exist."""
    if isinstance(given, dict) and set(given) == {"type", "value"}:
        return given
    if isinstance(given, dict) and len(given) == 1:
        [(reference, name)] = given.items()
        layers = {"account_role": live.accounts, "signer_role": live.signers}
        if reference in layers:
            role_id = layers[reference].get_role_id(name)
            if role_id is None and name not in platform[f"{reference}s"]:
                raise ClientError(f"key_values.{key}: there is no {reference} {name}")
            return None if role_id is None else {"type": "u64_value", "value": role_id}
    reserved = next((get_stem(t.__name__) for p, t in RESERVED_PREFIXES if key.startswith(p)), None)
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise ClientError(
            f"key_values.{key}: give a number, a text, {{ type, value }}, {{ account_role }} or"
            " { signer_role }"
        )
    kind = reserved or ("u64_value" if isinstance(given, int) else "string_value")
    return {"type": kind, "value": given if kind == "u32_value" else str(given)}


def _plan_assets(wanted: Mapping[str, Json], live: Live) -> Iterator[Change]:
    for code, each in wanted.items():
        what, found = f"asset {code}", live.assets.get(code)
        for member in ("decimals", "max_issuance", "preissuer"):
            if member not in each:
                raise ClientError(f"assets.{code}: {member} is missing")
        policies = each.get("policies", [])
        if found is None:
            action = {
                "type": "create_asset",
                "code": code,
                "preissued_asset_signer": each["preissuer"],
                "max_issuance_amount": each["max_issuance"],
                "initial_preissued_amount": each.get("preissued", "0"),
                "policies": _sum_policies(code, policies),
                "creator_details": each.get("details"),
                "asset_type": str(each.get("type", "0")),
                "trailing_digits": each["decimals"],
                "all_tasks": each.get("tasks"),
            }
            operation = {"type": "manage_asset", "request_id": "0", "action": action}
            text = f"at most {each['max_issuance']}, {' '.join(policies)}"
            yield Change(ASSETS, CREATE, what, text, operation)
            continue
        same = (
            Decimal(found["max_issuance_amount"]) == Decimal(each["max_issuance"])
            and found["trailing_digits"] == each["decimals"]
            and found["preissued_asset_signer"] == each["preissuer"]
            and found["policies"]["value"] == _sum_policies(code, policies)
            and found["asset_type"] == str(each.get("type", "0"))
            and found["details"] == each.get("details")
        )
        if not same:
            shown = " ".join(show_policies(found["policies"]["value"]))
            text = f"differs: at most {found['max_issuance_amount']}, {shown}; its owner changes it"
            yield Change(ASSETS, DRIFT, what, text, None)
    yield from find_strays(ASSETS, "asset", live.assets, wanted)


def _sum_policies(code: str, names: list[str]) -> int:
    for name in names:
        if name not in AssetPolicy.__members__:
            known = ", ".join(AssetPolicy.__members__)
            raise ClientError(f"assets.{code}: unknown policy {name}: there are {known}")
    return sum(int(AssetPolicy[name]) for name in set(names))


def _show_rule(rule: Json) -> str:
    resource = rule["resource"]
    given = {n: v for n, v in resource.items() if v is not None and n != "type"}
    named = f" {given}" if given else ""
    verb = "forbids" if rule["forbids"] else "allows"
    return f"{verb} {rule['action']} on {resource['type'].removesuffix('_resource')}{named}"


def _act(kind: str, action: Json) -> Json:
    return {"type": kind, "action": action}
