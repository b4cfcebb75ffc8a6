"""Generates `schemas/generated/` from the hand-written Avro schemas: `python -m schemas.generate`.

Each folder of `.avsc` files becomes one module: a slotted record or an enum for every named type,
with a strict reader and writer (measured three times faster than decoding, re-encoding and
comparing with a general library). `--check` compares instead of writing.

Beside Avro's own attributes a field may carry bounds, which reader and writer both enforce:
`minimum` and `maximum` of an int or long, `maxLength` (bytes) of a string or bytes, `maxItems` of
an array; those of an array's items stand in the same field. A `fixed` with `"integer": true` is an
unsigned big-endian integer. Further attributes of a field:

* `amount_of`: of an Amount, and of a record that holds amounts: the sibling field that says of what
  asset they are (an asset code, a balance, or the number of decimals); `^`: the outer record says.
* `json`: bytes that hold JSON text or nothing.
* `default`: what a builder and readable JSON take when the field is left out.
* `ascii`: a string that operations keep to printable ASCII, so that databases can keep it as text.
* `reference_kind`: the window that the reference is unique in (`schemas.contract`).
"""

import argparse
import json
import sys
from pathlib import Path

from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas.assembly import Named, Schema, SchemaError, assemble, get_full_name
from schemas.catalogue import make_catalogue
from schemas.emitter import Generator
from schemas.key_emitter import emit_builders, emit_getters, emit_keys
from schemas.sizes import emit_bounds, emit_sizes
from schemas.skip_emitter import SkipEmitter

ROOT = Path(__file__).parent
FOLDERS = (
    "common",
    "operations",
    "requests",
    "consensus",
    "entries",
    "transactions",
    "ledger",
    "events",
    "overlay",
    "archive",
)
# What travels alone on a topic or in an archive is framed with its schema's fingerprint.
FRAMED = (
    "transactions.TransactionEnvelope",
    "ledger.LedgerRecord",
    "events.Evidence",
    "events.EvidenceSignature",
    "events.SignedReserveReport",
    "events.ReserveLiabilities",
    "events.SignedRateQuote",
    "events.GatewayCallback",
    "events.KycEvent",
    "events.NotificationRequest",
    "events.NotificationReceipt",
    "events.Rejection",
)
# Types that users of other languages read or write; each gets a self-contained schema file.
OUTERMOST = (
    *FRAMED,
    "events.ReserveReport",
    "events.RateQuote",
    "transactions.Transaction",
    "transactions.TransactionResult",
    "consensus.QuorumSet",
    "consensus.ScpValue",
    "consensus.Statement",
    "ledger.LedgerHeader",
    "ledger.LedgerBody",
    "ledger.LedgerEntry",
    "ledger.LedgerKey",
    "ledger.StateProof",
    "ledger.Certificate",
    "archive.ArchivedHeader",
    "archive.ArchivedBody",
    "archive.ArchivedCertificate",
    "archive.ArchivedEntry",
    "archive.ArchivedHashes",
    "archive.ArchivedReferences",
    "archive.Checkpoint",
    "archive.Snapshot",
)


def load_schemas() -> Named:
    """Every named type under its full name, in the order of FOLDERS and of file names, with the
    unions and keys of the contract's table."""
    named: Named = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).glob("*.avsc")):
            for schema in json.loads(path.read_text()):
                full_name = f"{folder}.{schema['name']}"
                if full_name in named:
                    raise SchemaError(f"{path.name}: {full_name} is defined twice")
                check_documented(full_name, schema)
                named[full_name] = {**schema, "folder": folder}
    return assemble(named)


def check_documented(full_name: str, schema: dict[str, Schema]) -> None:
    if "doc" not in schema:
        raise SchemaError(f"{full_name} has no doc")
    for entry in schema.get("fields", ()):
        if "doc" not in entry:
            raise SchemaError(f"{full_name}.{entry['name']} has no doc")
    if schema["type"] == "enum" and set(schema["symbolDocs"]) != set(schema["symbols"]):
        raise SchemaError(f"{full_name}: symbolDocs and symbols differ")


def inline(full_name: str, named: Named) -> Schema:
    """One self-contained Avro schema: each named type is written out where it is first used."""
    seen: set[str] = set()

    def expand(avro: Schema, folder: str) -> Schema:
        if isinstance(avro, list):
            return [expand(branch, folder) for branch in avro]
        if isinstance(avro, dict):
            return {"type": "array", "items": expand(avro["items"], folder)}
        full = get_full_name(avro, folder)
        if full not in named:
            return avro
        if full in seen:
            return f"tokend.{full}"
        seen.add(full)
        return define(full)

    def define(full: str) -> Schema:
        schema = named[full]
        kept = {k: v for k, v in schema.items() if k not in ("folder", "name", "fields")}
        definition = {"name": f"tokend.{full}", **kept}
        if "fields" in schema:
            definition["fields"] = [
                {**f, "type": expand(f["type"], schema["folder"])} for f in schema["fields"]
            ]
        return definition

    seen.add(full_name)
    return define(full_name)


def generate() -> dict[str, str]:
    """File name -> content, for everything below `schemas/generated`."""
    named = load_schemas()
    folders = [f for f in FOLDERS if any(schema["folder"] == f for schema in named.values())]
    files = {f"{folder}.py": Generator(named, folder).emit_module() for folder in folders}
    merged = ", ".join(f"**{folder}.READERS" for folder in folders)
    merged_writers = ", ".join(f"**{folder}.WRITERS" for folder in folders)
    prints = ""
    for full_name in OUTERMOST:
        schema = inline(full_name, named)
        name = full_name.split(".")[1]
        files[f"{name}.avsc"] = json.dumps(schema, indent=1) + "\n"
        if full_name in FRAMED:
            crc = fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO")
            prints += f'    {full_name}: bytes.fromhex("{crc}"),\n'
    files |= {
        "keys.py": emit_keys(named),
        "getters.py": emit_getters(named),
        "builders.py": emit_builders(named),
        "sizes.py": emit_sizes(named),
        "bounds.py": emit_bounds(named),
        "skips.py": SkipEmitter(named).emit(),
        "contract.json": json.dumps(named, indent=1) + "\n",
    }
    files[
        "__init__.py"
    ] = f'''"""Generated by `python -m schemas.generate`: all readers, writers and fingerprints."""

from collections.abc import Callable
from typing import Any

from schemas.generated import {", ".join(folders)}

READERS: dict[type, Callable[[bytes, int], tuple[Any, int]]] = {{{merged}}}
WRITERS: dict[type, Callable[[Any, bytearray], None]] = {{{merged_writers}}}
# CRC-64-AVRO of the canonical form, little-endian, as single-object encoding wants it.
FINGERPRINTS: dict[type, bytes] = {{
{prints}}}
'''
    return {**files, **make_catalogue(named)}


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Generate schemas/generated from the Avro schemas."
    )
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    target = ROOT / "generated"
    files = generate()
    existing = {path.name for path in target.glob("*") if path.is_file()}
    stale = [name for name, text in files.items() if not is_same(target / name, text)]
    surplus = sorted(existing - set(files))
    if check:
        for name in stale + surplus:
            sys.stderr.write(f"schemas/generated/{name} differs: run python -m schemas.generate\n")
        return 1 if stale or surplus else 0
    for name in stale:
        (target / name).write_text(files[name])
    for name in surplus:
        (target / name).unlink()
    return 0


def is_same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
