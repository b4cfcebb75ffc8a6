"""Whether every member of the contract's table has its files: `python -m schemas.completeness`.

Each line of output says what to write. It reads files and imports nothing of what it checks.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from schemas.assembly import get_type_name
from schemas.contract import ENTRIES, OPERATIONS, REQUESTS
from schemas.description import load_contract

ROOT = Path(__file__).parent.parent
OPERATION_PARTS = ("def validate", "def get_requirements", "def apply", "def compute_output_bytes")
# Modules beside the operations', the requests' and their tests'.
SHARED = {
    "__init__",
    "outcome",
    "table",
    "pending",
    "body",
    "locks",
    "cases",
    "test_table",
    "policies",
    "test_pending",
    "test_policies",
}


def find_gaps(root: Path = ROOT) -> Iterator[str]:
    """What is missing or left over, a line each."""
    operations = [row.stem for row in OPERATIONS]
    requests = [row.stem for row in REQUESTS]
    yield from _find_gaps(
        root, "operation", operations, "schemas/operations", "streams/ledger/operations"
    )
    yield from _find_gaps(root, "request", requests, "schemas/requests", "streams/ledger/requests")
    entries = [row.stem for row in ENTRIES]
    yield from _find_strays(root / "schemas/entries", "*.avsc", entries, "entry", _get_stem)
    for stem in operations:
        module = root / "streams/ledger/operations" / f"{stem}.py"
        text = module.read_text(encoding="utf-8") if module.exists() else ""
        for part in OPERATION_PARTS if text else ():
            if part not in text:
                yield f"{_name(root, module)}: write `{part}` (see its neighbours)"
        for ending, what in (("Code", "why it is refused"), ("Result", "what a success says")):
            name = f"{get_type_name(stem)}{ending}"
            if f"operations.{name}" not in load_contract():
                yield f"schemas/operations/{stem}.avsc: define {name}, {what}"


def _find_gaps(root: Path, what: str, stems: list[str], schemas: str, code: str) -> Iterator[str]:
    for stem in stems:
        module, test = root / code / f"{stem}.py", root / "tests" / code / f"test_{stem}.py"
        if not module.exists():
            yield f"write {_name(root, module)}: what the {what} {stem} does"
        if not test.exists():
            yield f"write {_name(root, test)}: a case for everything that {stem} can come to"
    yield from _find_strays(root / schemas, "*.avsc", stems, what, _get_stem)
    yield from _find_strays(root / code, "*.py", stems, what, _get_stem)
    yield from _find_strays(root / "tests" / code, "test_*.py", stems, what, _get_tested_stem)


def _find_strays(
    folder: Path, pattern: str, stems: list[str], what: str, get_stem: Callable[[Path], str]
) -> Iterator[str]:
    for path in sorted(folder.glob(pattern)):
        if path.stem not in SHARED and get_stem(path) not in stems:
            yield f"{path.name}: add a row for the {what} to schemas/contract.py, or delete it"


def _get_stem(path: Path) -> str:
    return path.stem


def _get_tested_stem(path: Path) -> str:
    return path.stem.removeprefix("test_")


def _name(root: Path, path: Path) -> str:
    return str(path.relative_to(root))


def main() -> int:
    gaps = list(find_gaps())
    for gap in gaps:
        sys.stderr.write(f"{gap}\n")
    return 1 if gaps else 0


if __name__ == "__main__":
    sys.exit(main())
