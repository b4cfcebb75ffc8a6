"""JSON Schema (draft 2020-12) of readable JSON, made from the schemas: what `readable` reads.

Decimals of amounts depend on the asset, so the schema says only their form.
"""

from collections.abc import Mapping
from typing import Any

from schemas.assembly import PRIMITIVES, get_stem
from schemas.description import load_contract, resolve

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
DECIMAL = r"^[0-9]{1,39}(\.[0-9]{1,18})?$"
KEYS = {"AccountID": "^G[A-Z2-7]{55}$", "PublicKey": "^G[A-Z2-7]{55}$"}
KEYS |= {"BalanceID": "^B[A-Z2-7]{55}$"}


def make_json_schema(*full_names: str) -> Schema:
    """Definitions of the named types, and of all that they use, under `$defs`."""
    definitions: dict[str, Schema] = {}
    for full_name in full_names:
        _define(full_name, definitions)
    return {"$schema": DRAFT, "$defs": dict(sorted(definitions.items()))}


def _define(full_name: str, definitions: dict[str, Schema]) -> Schema:
    """Makes the definition, unless it is there; a reference to it."""
    name = full_name.partition(".")[2]
    if name not in definitions:
        definitions[name] = {}  # it is on its way: a type may hold itself
        definitions[name].update(_describe(load_contract()[full_name], definitions))
    return {"$ref": f"#/$defs/{name}"}


def _describe(schema: Mapping[str, Any], definitions: dict[str, Schema]) -> Schema:
    if schema["type"] == "enum":
        return {"enum": list(schema["symbols"]), "description": schema["doc"]}
    properties, required = {}, []
    for field in schema["fields"]:
        described = _describe_type(field["type"], field, schema["folder"], definitions)
        properties[field["name"]] = {**described, "description": field["doc"]}
        if "default" in field:
            properties[field["name"]]["default"] = field["default"]
        elif not isinstance(field["type"], list) or field["type"][0] != "null":
            required.append(field["name"])
    return {
        "type": "object",
        "description": schema["doc"],
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _describe_type(
    avro: Any, bounds: Mapping[str, Any], folder: str, definitions: dict[str, Schema]
) -> Schema:
    if isinstance(avro, list):
        if avro[0] == "null":
            branches = avro[1] if len(avro) == 2 else avro[1:]
            inner = _describe_type(branches, bounds, folder, definitions)
            return {"anyOf": [inner, {"type": "null"}]}
        return {"oneOf": [_describe_branch(branch, folder, definitions) for branch in avro]}
    if isinstance(avro, dict):
        items = _describe_type(avro["items"], bounds, folder, definitions)
        bound = {"maxItems": bounds["maxItems"]} if "maxItems" in bounds else {}
        return {"type": "array", "items": items, **bound}
    if avro in PRIMITIVES:
        return _describe_primitive(avro, bounds)
    full_name, schema = resolve(avro, folder)
    return (
        _describe_fixed(full_name, schema)
        if schema["type"] == "fixed"
        else _define(full_name, definitions)
    )


def _describe_branch(branch: str, folder: str, definitions: dict[str, Schema]) -> Schema:
    """A member of a union says its type beside its own members."""
    full_name, schema = resolve(branch, folder)
    name = get_stem(full_name.partition(".")[2])
    type_ = {"const": name}
    if schema["type"] == "enum":
        code = _define(full_name, definitions)
        return {
            "type": "object",
            "properties": {"type": type_, "code": code},
            "required": ["type", "code"],
            "additionalProperties": False,
        }
    described = _describe(schema, definitions)
    return {
        **described,
        "title": name,
        "properties": {"type": type_, **described["properties"]},
        "required": ["type", *described["required"]],
    }


def _describe_primitive(avro: str, bounds: Mapping[str, Any]) -> Schema:
    match avro:
        case "boolean":
            return {"type": "boolean"}
        case "int" | "long":
            bits = 31 if avro == "int" else 63
            low, high = bounds.get("minimum", -(1 << bits)), bounds.get("maximum", (1 << bits) - 1)
            return {"type": "integer", "minimum": low, "maximum": high}
        case "string":
            return {"type": "string", "maxLength": bounds["maxLength"]}
    if bounds.get("json"):
        return {}  # any JSON
    length = bounds["maxLength"]
    return {"type": "string", "contentEncoding": "base64", "maxLength": -(-length // 3) * 4}


def _describe_fixed(full_name: str, schema: Mapping[str, Any]) -> Schema:
    name = full_name.partition(".")[2]
    if name in KEYS:
        pattern = KEYS[name]
    elif name == "Amount":
        return {"type": ["string", "null"], "pattern": DECIMAL}
    elif schema.get("integer"):
        digits = len(str((1 << 8 * int(schema["size"])) - 1))
        pattern = f"^(0|[1-9][0-9]{{0,{digits - 1}}})$"
    else:
        pattern = f"^[0-9a-f]{{{2 * schema['size']}}}$"
    return {"type": "string", "pattern": pattern}
