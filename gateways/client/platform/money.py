"""What a plan changes of pairs, fees, limits and approval policies. Pure."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from gateways.client.errors import ClientError
from gateways.client.platform.changes import CHANGE, CREATE, DRIFT, FEES, Change, find_strays
from gateways.client.platform.live import Live

Json = Any
PERIODS = ("daily", "weekly", "monthly", "annual")


def plan_pairs(wanted: Mapping[str, Json], live: Live) -> Iterator[Change]:
    """Prices are set by services, so a pair is created elsewhere; the file says how prices are
    checked."""
    for name, each in wanted.items():
        what, found = f"asset pair {name}", live.pairs.get(name)
        base, _, quote = name.partition(":")
        if found is None:
            yield Change(FEES, DRIFT, what, "does not exist: create it with its first price", None)
            continue
        age = str(each.get("max_age_ms", found["max_age_ms"]))
        step = each.get("step_max", found["step_max"])
        if (age, step) == (found["max_age_ms"], found["step_max"]):
            continue
        action = {"type": "update_pair_policies", "max_age_ms": age, "step_max": step}
        operation = {"type": "manage_asset_pair", "base": base, "quote": quote, "action": action}
        text = f"{found['max_age_ms']} ms, step {found['step_max']} -> {age} ms, step {step}"
        yield Change(FEES, CHANGE, what, text, operation)
    yield from find_strays(FEES, "asset pair", live.pairs, wanted)


def plan_fees(platform: Mapping[str, Json], live: Live) -> Iterator[Change]:
    present = {_get_fee_key(e, e["role_id"], e["fee_type"]): e["ranges"] for e in live.fees}
    for each in platform["fees"]:
        role, role_id = _get_role(each, platform, live)
        what = f"fee {each['type']} {each.get('subtype', 0)} of {each['asset']}"
        what += f" for {role}" if role else ""
        is_ready = role_id is not None or role is None
        had = present.pop(_get_fee_key(each, role_id, each["type"]), []) if is_ready else []
        about = {
            "type": "set_fees",
            "role_id": role_id,
            "asset": each["asset"],
            "fee_type": each["type"],
            "subtype": each.get("subtype", 0),
        }
        wanted = {_get_bounds(one): one for one in each.get("ranges", [])}
        for one in had:
            if _get_bounds(one) not in wanted:
                action = {"type": "remove_fee_range", "lower": one["lower"], "upper": one["upper"]}
                yield Change(
                    FEES, CHANGE, what, f"-{_show_range(one)}", {**about, "action": action}
                )
        known = [_get_content(one) for one in had]
        for one in wanted.values():
            if _get_content(one) not in known:
                action = {"type": "put_fee_range", "range": one}
                operation = {**about, "action": action} if is_ready else None
                yield Change(FEES, CREATE, what, _show_range(one), operation)
    for asset, role_id, kind, subtype in present:
        name = f"fee {kind} {subtype} of {asset}"
        name += f" for {live.accounts.get_role_name(role_id)}" if role_id else ""
        yield Change(FEES, DRIFT, name, "is not in the file", None)


def _get_fee_key(fee: Json, role_id: str | None, kind: str) -> tuple[str, str | None, str, int]:
    return (fee["asset"], role_id, kind, int(fee.get("subtype", 0)))


def _get_bounds(one: Json) -> tuple[Decimal, Decimal]:
    return Decimal(one["lower"]), Decimal(one["upper"])


def _get_content(one: Json) -> tuple[Decimal, ...]:
    return tuple(Decimal(one[name]) for name in ("lower", "upper", "fixed", "percent"))


def _show_range(one: Json) -> str:
    return f"{one['lower']} to {one['upper']}: {one['fixed']} and {int(one['percent']) / 10**6} %"


def plan_limits(platform: Mapping[str, Json], live: Live) -> Iterator[Change]:
    """Limits of roles and of all."""
    present = {
        _get_limit_key(one, entry["role_id"]): one["amounts"]
        for entry in live.limits
        for one in entry["limits"]
    }
    for each in platform["limits"]:
        role, role_id = _get_role(each, platform, live)
        limit = {
            "kind": each["kind"],
            "asset": each["asset"],
            "is_convert_needed": bool(each.get("convert", False)),
            "amounts": {name: each[name] for name in PERIODS},
        }
        is_ready = role_id is not None or role is None
        had = present.pop(_get_limit_key(limit, role_id), None) if is_ready else None
        if had is not None and _get_amounts(had) == _get_amounts(limit["amounts"]):
            continue
        action = {"type": "put_limit", "limit": limit}
        operation = {"type": "manage_limits", "role_id": role_id, "action": action}
        what = _name_limit(limit, role)
        text = ", ".join(f"{name} {each[name]}" for name in PERIODS)
        sign = CREATE if had is None else CHANGE
        yield Change(FEES, sign, what, text, operation if is_ready else None)
    for kind, asset, converts, role_id in present:
        limit = {"kind": kind, "asset": asset, "is_convert_needed": converts}
        role = None if role_id is None else live.accounts.get_role_name(role_id)
        yield Change(FEES, DRIFT, _name_limit(limit, role), "is not in the file", None)


def plan_policies(wanted: Mapping[str, Json], live: Live) -> Iterator[Change]:
    """Approval policies by KIND:ASSET; without an asset for requests about none or any."""
    for name, each in wanted.items():
        what, found = f"approval policy {name}", live.policies.get(name)
        kind, _, asset = name.partition(":")
        ranges = [_make_range(one) for one in each.get("ranges", [])]
        if found is not None and list(map(_get_terms, found["ranges"])) == list(
            map(_get_terms, ranges)
        ):
            continue
        action = {"type": "put_approval_policy", "ranges": ranges}
        operation = {
            "type": "manage_approval_policy",
            "kind": kind,
            "asset": asset,
            "action": action,
        }
        text = "; ".join(map(_show_terms, ranges))
        sign = CREATE if found is None else CHANGE
        yield Change(FEES, sign, what, text, operation)
    yield from find_strays(FEES, "approval policy", live.policies, wanted)


def _get_role(
    given: Json, platform: Mapping[str, Json], live: Live
) -> tuple[str | None, str | None]:
    """Name and number; no number while the role is still to be created."""
    role = given.get("role")
    if role is None:
        return None, None
    role_id = live.accounts.get_role_id(role)
    if role_id is None and role not in platform["account_roles"]:
        raise ClientError(f"{given.get('asset')}: there is no account role {role}")
    return role, role_id


def _get_limit_key(limit: Json, role_id: str | None) -> tuple[str, str, bool, str | None]:
    return limit["kind"], limit["asset"], limit["is_convert_needed"], role_id


def _get_amounts(amounts: Json) -> list[Decimal]:
    return [Decimal(amounts[name]) for name in PERIODS]


def _name_limit(limit: Json, role: str | None) -> str:
    name = f"limit {limit['kind']} in {limit['asset']}"
    name += ", converted" if limit["is_convert_needed"] else ""
    return f"{name} for {role}" if role else name


def _make_range(given: Json) -> Json:
    terms = {"reviewers": given["reviewers"], "delay_ms": given.get("delay_ms", 0)}
    return {"lower": given.get("lower"), "upper": given.get("upper"), "terms": terms}


def _get_terms(one: Json) -> tuple[Decimal | None, Decimal | None, int, int]:
    bounds = (None if one[n] is None else Decimal(one[n]) for n in ("lower", "upper"))
    lower, upper = bounds
    return lower, upper, int(one["terms"]["reviewers"]), int(one["terms"]["delay_ms"])


def _show_terms(one: Json) -> str:
    lower, upper, reviewers, delay_ms = _get_terms(one)
    bounds = "any amount" if lower is None and upper is None else f"{lower} to {upper}"
    return f"{bounds}: {reviewers} reviewers, {delay_ms} ms"
