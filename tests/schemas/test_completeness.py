"""A member of the table without its files is named, with what to write."""

import shutil
from pathlib import Path

import pytest

from schemas import completeness
from schemas.completeness import ROOT, find_gaps
from schemas.contract import OPERATIONS, REQUESTS, Row

FOLDERS = ("schemas", "streams/ledger", "tests/streams/ledger")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the files that the check looks at."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_nothing_is_missing() -> None:
    assert list(find_gaps()) == []


def test_a_new_operation_wants_its_module_test_and_types(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (*OPERATIONS, Row(len(OPERATIONS), "fly"))
    monkeypatch.setattr(completeness, "OPERATIONS", rows)
    gaps = "\n".join(find_gaps())
    for wanted in (
        "write streams/ledger/operations/fly.py",
        "write tests/streams/ledger/operations/test_fly.py",
        "define FlyCode",
        "define FlyResult",
    ):
        assert wanted in gaps


def test_a_new_request_wants_its_module_and_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completeness, "REQUESTS", (*REQUESTS, Row(len(REQUESTS), "fly")))
    gaps = "\n".join(find_gaps())
    assert "write streams/ledger/requests/fly.py" in gaps
    assert "write tests/streams/ledger/requests/test_fly.py" in gaps


def test_a_module_without_a_part_is_named(root: Path) -> None:
    module = root / "streams/ledger/operations/payment.py"
    module.write_text(module.read_text().replace("def validate", "def check"))
    (gap,) = find_gaps(root)
    assert gap.startswith("streams/ledger/operations/payment.py")
    assert "def validate" in gap


@pytest.mark.parametrize(
    "stray",
    [
        "schemas/operations/fly.avsc",
        "schemas/entries/fly.avsc",
        "streams/ledger/operations/fly.py",
        "streams/ledger/requests/fly.py",
        "tests/streams/ledger/operations/test_fly.py",
    ],
)
def test_a_file_without_a_row_is_named(root: Path, stray: str) -> None:
    (root / stray).write_text("")
    (gap,) = find_gaps(root)
    assert gap.startswith(Path(stray).name)
    assert "schemas/contract.py" in gap
