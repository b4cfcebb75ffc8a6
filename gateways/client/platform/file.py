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

Members and values are those of the contract's readable JSON (`tokend tx build`). Signer roles and
rules stand in `signer_roles` and `signer_rules`; a rule with `is_default = true` is every role's.
"""

import tomllib
from collections.abc import Mapping
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
SECTIONS: dict[str, set[str] | None] = {
    "account_rules": RULE,
    "account_roles": ROLE,
    "signer_rules": RULE | {"is_default"},
    "signer_roles": ROLE,
    "key_values": None,
    "assets": ASSET,
    "pairs": PAIR,
}


def read_platform(text: str) -> dict[str, Json]:
    """All sections, those left out empty; rules in the contract's form. Raises ClientError with
    the place of what is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ClientError(f"the platform file is no TOML: {error}") from None
    unknown = set(document) - {*SECTIONS, "fees"}
    if unknown:
        known = ", ".join((*SECTIONS, "fees"))
        raise ClientError(f"unknown section {min(unknown)}: there are {known}")
    platform: dict[str, Json] = {"fees": document.get("fees", [])}
    for section, members in SECTIONS.items():
        found = document.get(section, {})
        if not isinstance(found, dict):
            raise ClientError(f"{section} is no table")
        for name, each in found.items():
            if members is not None:
                _check_members(f"{section}.{name}", each, members)
        platform[section] = found
    if not isinstance(platform["fees"], list):
        raise ClientError("fees is no array of tables: begin each with [[fees]]")
    for number, each in enumerate(platform["fees"], 1):
        _check_members(f"fees, number {number}", each, FEE)
        for one in each.get("ranges", []):
            _check_members(f"fees, number {number}: a range", one, RANGE)
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
    }
    return tomli_w.dumps({name: each for name, each in document.items() if each})


def show_policies(value: int) -> list[str]:
    """The names of an asset's policies."""
    return [each.name or "" for each in AssetPolicy if value & each]


def _check_members(place: str, found: Json, members: set[str]) -> None:
    if not isinstance(found, dict):
        raise ClientError(f"{place} is no table")
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
