"""The platform file: TOML with one table for each thing, by its name.

    [account_rules.pay-in-euros]
    resource = { type = "asset_resource", asset = "EUR" }
    action = "SEND"

    [account_roles.unverified]
    rules = ["send-transactions", "pay-in-euros"]

    [key_values]
    asset_create_tasks = 1
    "account_role:unverified" = { account_role = "unverified" }

    [assets.EUR]
    decimals = 2
    max_issuance = "1000000.00"
    preissuer = "G..."
    policies = ["TRANSFERABLE"]

    [pairs."BTC:EUR"]
    max_age_ms = "60000"
    step_max = 5000000

    [[fees]]
    asset = "EUR"
    type = "PAYMENT"
    subtype = 1
    ranges = [{ lower = "0", upper = "1000", fixed = "0.10", percent = 0 }]

    [[limits]]
    kind = "SPEND"
    asset = "EUR"
    role = "unverified"
    daily = "100.00"
    weekly = "500.00"
    monthly = "1000.00"
    annual = "5000.00"

    [policies."issuance:EUR"]
    ranges = [{ lower = "100000.00", reviewers = 2 }]

Members and values are those of the contract's readable JSON (`tokend tx build`). Signer roles and
rules stand in `signer_roles` and `signer_rules`; a rule with `is_default = true` is every role's.
"""

import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import tomli_w

from gateways.client.errors import ClientError
from gateways.client.platform.live import Layer, Live
from schemas.generated.common import AccessRule
from schemas.readable import Scales, Unreadable, read_value, show_value
from streams.ledger.values import AssetPolicy

Json = Any
RULE = {"resource", "action", "forbids", "details"}
ROLE = {"rules", "details", "ends_at_ms"}
ASSET = {
    "decimals",
    "max_issuance",
    "preissued",
    "preissuer",
    "policies",
    "type",
    "details",
    "tasks",
}
PAIR = {"max_age_ms", "step_max"}
FEE = {"asset", "type", "subtype", "role", "ranges"}
RANGE = {"lower", "upper", "fixed", "percent"}
LIMIT = {"kind", "asset", "role", "convert", "daily", "weekly", "monthly", "annual"}
POLICY = {"ranges"}
TERMS = {"lower", "upper", "reviewers", "delay_ms"}
SECTIONS: dict[str, set[str] | None] = {
    "account_rules": RULE,
    "account_roles": ROLE,
    "signer_rules": RULE | {"is_default"},
    "signer_roles": ROLE,
    "key_values": None,
    "assets": ASSET,
    "pairs": PAIR,
    "policies": POLICY,
}
ARRAYS = {"fees": (FEE, {"asset", "type"}), "limits": (LIMIT, LIMIT - {"role", "convert"})}


def read_platform(text: str) -> dict[str, Json]:
    """All sections, those left out empty; rules in the contract's form. Raises ClientError with
    the place of what is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ClientError(f"the platform file is no TOML: {error}") from None
    unknown = set(document) - {*SECTIONS, *ARRAYS}
    if unknown:
        known = ", ".join((*SECTIONS, *ARRAYS))
        raise ClientError(f"unknown section {min(unknown)}: there are {known}")
    platform: dict[str, Json] = {name: _read_array(document, name) for name in ARRAYS}
    for section, members in SECTIONS.items():
        found = document.get(section, {})
        if not isinstance(found, dict):
            raise ClientError(f"{section} is no table")
        for name, each in found.items():
            if members is not None:
                _check_members(f"{section}.{name}", each, members)
        platform[section] = found
    for name, each in platform["policies"].items():
        for one in each.get("ranges", []):
            _check_members(f"policies.{name}: a range", one, TERMS, {"reviewers"})
    for section in ("account_rules", "signer_rules"):
        platform[section] = {
            name: _read_rule(f"{section}.{name}", each) for name, each in platform[section].items()
        }
    return platform


def write_platform(live: Live) -> str:
    """The file of what a network has. Reading it and planning gives no change."""
    document = {
        "account_rules": {n: _write_rule(each) for n, each in live.accounts.rules.items()},
        "account_roles": _write_roles(live.accounts),
        "signer_rules": {
            name: _write_rule(each) | ({"is_default": True} if name in live.default_rules else {})
            for name, each in live.signers.rules.items()
        },
        "signer_roles": _write_roles(live.signers),
        "key_values": {key: _write_key_value(each) for key, each in live.key_values.items()},
        "assets": {code: _write_asset(each) for code, each in live.assets.items()},
        "pairs": {
            name: {"max_age_ms": each["max_age_ms"], "step_max": each["step_max"]}
            for name, each in live.pairs.items()
        },
        "fees": [_write_fee(live, each) for each in live.fees],
        "limits": [
            _write_limit(live, entry, one) for entry in live.limits for one in entry["limits"]
        ],
        "policies": {
            name: {"ranges": [_write_terms(one) for one in each["ranges"]]}
            for name, each in live.policies.items()
        },
    }
    return tomli_w.dumps({name: each for name, each in document.items() if each})


def show_policies(value: int) -> list[str]:
    """The names of an asset's policies."""
    return [each.name or "" for each in AssetPolicy if value & each]


def _read_array(document: Json, section: str) -> Json:
    members, needed = ARRAYS[section]
    found = document.get(section, [])
    if not isinstance(found, list):
        raise ClientError(f"{section} is no array of tables: begin each with [[{section}]]")
    for number, each in enumerate(found, 1):
        place = f"{section}, number {number}"
        _check_members(place, each, members, needed)
        for one in each.get("ranges", []):
            _check_members(f"{place}: a range", one, RANGE, RANGE)
    return found


def _check_members(place: str, found: Json, members: set[str], needed: Iterable[str] = ()) -> None:
    if not isinstance(found, dict):
        raise ClientError(f"{place} is no table")
    for name in sorted(set(needed) - set(found)):
        raise ClientError(f"{place}: {name} is missing")
    unknown = set(found) - members
    if unknown:
        known = ", ".join(sorted(members))
        raise ClientError(f"{place}: unknown member {min(unknown)}: there are {known}")


def _read_rule(place: str, given: Mapping[str, Json]) -> dict[str, Json]:
    says = {name: given[name] for name in ("resource", "action", "forbids") if name in given}
    try:
        rule = read_value(AccessRule, says, Scales(), path=place)
    except Unreadable as error:
        raise ClientError(str(error)) from None
    return {
        "rule": show_value(rule, Scales()),
        "details": given.get("details"),
        "is_default": bool(given.get("is_default", False)),
    }


def _write_rule(entry: Json) -> Json:
    return _drop_nulls({**entry["rule"], "details": entry["details"]}, forbids=False)


def _write_roles(layer: Layer) -> dict[str, Json]:
    return {
        name: _drop_nulls(
            {
                "rules": sorted(layer.get_rule_names(role)),
                "details": role["details"],
                "ends_at_ms": role["ends_at_ms"],
            }
        )
        for name, role in layer.roles.items()
    }


def _write_key_value(attributes: Json) -> Json:
    kind, value = attributes["kind"], attributes["value"]
    return {"type": f"{kind}_value", "value": int(value) if kind == "u32" else value}


def _write_asset(attributes: Json) -> Json:
    return _drop_nulls(
        {
            "decimals": attributes["trailing_digits"],
            "max_issuance": attributes["max_issuance_amount"],
            "preissuer": attributes["preissued_asset_signer"],
            "policies": show_policies(attributes["policies"]["value"]),
            "type": attributes["asset_type"],
            "details": attributes["details"],
        }
    )


def _write_fee(live: Live, entry: Json) -> Json:
    role = None if entry["role_id"] is None else live.accounts.get_role_name(entry["role_id"])
    about = {"asset": entry["asset"], "type": entry["fee_type"], "subtype": entry["subtype"]}
    return _drop_nulls({**about, "role": role, "ranges": entry["ranges"]})


def _write_limit(live: Live, entry: Json, limit: Json) -> Json:
    role = None if entry["role_id"] is None else live.accounts.get_role_name(entry["role_id"])
    about = {"kind": limit["kind"], "asset": limit["asset"], "role": role}
    converts = limit["is_convert_needed"] or None
    return _drop_nulls({**about, "convert": converts, **limit["amounts"]})


def _write_terms(one: Json) -> Json:
    terms = one["terms"]
    bounds = {"lower": one["lower"], "upper": one["upper"]}
    return _drop_nulls(
        {**bounds, "reviewers": terms["reviewers"], "delay_ms": int(terms["delay_ms"]) or None}
    )


def _drop_nulls(document: Json, **defaults: Json) -> Json:
    """TOML has no null: what is absent is left out, also deep inside; `defaults` too."""
    if isinstance(document, dict):
        return {
            name: _drop_nulls(each)
            for name, each in document.items()
            if each is not None and defaults.get(name, ...) != each
        }
    if isinstance(document, list):
        return [_drop_nulls(each) for each in document]
    return document
