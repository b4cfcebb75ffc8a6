"""Holds today's schemas against the released ones: `python -m schemas.compatibility`.

`schemas/released/<version>.json` is a frozen copy of every named type. What was released may be
added to at the end (enum symbols, union branches, new types) and in its words (doc); anything else
would make old bytes unreadable or give them another meaning. Fingerprints ignore defaults and
logical types, so the texts are compared. `--freeze VERSION` writes the copy for a release.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from schemas.generate import ROOT, load_schemas

RELEASED = ROOT / "released"
WORDS = ("doc", "symbolDocs", "folder")


def find_breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What of `old` (named types by full name) `new` does not keep, one sentence each."""
    breaks = []
    for name, schema in sorted(old.items()):
        if name not in new:
            breaks.append(f"{name} was removed")
        else:
            breaks.extend(f"{name}: {each}" for each in _find_breaks(schema, new[name]))
    return breaks


def _find_breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    if old["type"] != new["type"]:
        return [f"it was a {old['type']}"]
    if old["type"] == "enum":
        known = len(old["symbols"])
        return [] if new["symbols"][:known] == old["symbols"] else ["symbols changed or moved"]
    if old["type"] == "fixed":
        return [] if _get_meaning(old) == _get_meaning(new) else ["its size or meaning changed"]
    if [f["name"] for f in old["fields"]] != [f["name"] for f in new["fields"]]:
        return ["fields were added, removed, renamed or moved"]
    return [
        f"{before['name']} changed"
        for before, after in zip(old["fields"], new["fields"], strict=True)
        if not _is_kept(before, after)
    ]


def _is_kept(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Equal but for words; a union may have more branches at its end."""
    before, after = _get_meaning(old), _get_meaning(new)
    branches = before["type"]
    if isinstance(branches, list) and isinstance(after["type"], list):
        after["type"] = after["type"][: len(branches)]
    return before == after


def _get_meaning(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in WORDS}


def main() -> int:
    parser = argparse.ArgumentParser(description="Hold the schemas against the released ones.")
    parser.add_argument("--freeze", metavar="VERSION", help="write today's schemas as released")
    version = parser.parse_args().freeze
    schemas = load_schemas()
    breaks = [
        f"{path.stem}: {each}"
        for path in sorted(RELEASED.glob("*.json"))
        for each in find_breaks(json.loads(path.read_text()), schemas)
    ]
    for each in breaks:
        sys.stderr.write(f"incompatible with {each}\n")
    if breaks:
        return 1
    if version is not None:
        (RELEASED / f"{version}.json").write_text(json.dumps(schemas, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
