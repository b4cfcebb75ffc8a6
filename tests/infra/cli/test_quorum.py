"""`tokend quorum`: sets from files, in words and drawn."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.local.errors import LocalError
from schemas.strkey import encode_account_id
from tests.support.network import get_account

KEYS = sorted(get_account(f"validator {number}") for number in range(9))
NODES = [encode_account_id(each) for each in KEYS]
FLAT = {"threshold": 3, "validators": NODES[:4]}
NESTED = {
    "threshold": 2,
    "inner_sets": [{"threshold": 2, "validators": NODES[n : n + 3]} for n in (0, 3, 6)],
}


def run(tmp_path: Path, document: Any, verb: str, *options: str) -> Any:
    file = tmp_path / "set.json"
    file.write_text(json.dumps(document))
    return CliRunner().invoke(app, ["quorum", verb, str(file), *options])


def test_what_is_checked_is_told(tmp_path: Path) -> None:
    result = run(tmp_path, FLAT, "check", "--json")
    assert result.exit_code == 0
    found = json.loads(result.output)
    assert (found["verdict"], found["is_complete"]) == ("INTERSECT", True)
    assert (len(found["halting"]), len(found["splitting"])) == (2, 2)
    assert "halts when 4 are lost" in run(tmp_path, {"quorum_set": NESTED}, "check").output


def test_what_lets_two_halves_disagree_is_an_exit_code(tmp_path: Path) -> None:
    result = run(tmp_path, {"threshold": 2, "validators": NODES[:4]}, "check", "--json")
    assert result.exit_code == 1
    one, other = json.loads(result.output)["split"]
    assert not set(one) & set(other)


@pytest.mark.parametrize("document", [FLAT, NESTED])
def test_a_set_is_shown_and_drawn(tmp_path: Path, document: Any) -> None:
    picture = tmp_path / "set.svg"
    result = run(tmp_path, document, "show", "--svg", str(picture))
    assert result.exit_code == 0
    texts = [each.text for each in ET.parse(picture).iter() if each.tag.endswith("text")]  # noqa: S314
    shown = {text for text in texts if text in NODES}
    assert shown == {text for text in NODES if text in result.output}
    assert len(shown) in (4, 9)


@pytest.mark.parametrize("document", [{"threshold": 9, "validators": NODES[:4]}, {}, [], 7])
def test_what_is_no_quorum_set_is_refused(tmp_path: Path, document: Any) -> None:
    assert run(tmp_path, document, "check").exit_code != 0


def test_sets_of_nodes_by_themselves_are_checked_against_the_networks(tmp_path: Path) -> None:
    local = tmp_path / "local.json"

    def check(own: Any) -> Any:
        local.write_text(json.dumps(own))
        return run(tmp_path, FLAT, "check", "--json", "--local", str(local))

    stricter = {NODES[0]: {"threshold": 4, "validators": NODES[:4]}}
    assert json.loads(check(stricter).output)["verdict"] == "INTERSECT"
    alone = {NODES[0]: {"threshold": 1, "validators": NODES[:1]}}
    result = check(alone)
    assert result.exit_code == 1
    assert [NODES[0]] in json.loads(result.output)["split"]
    wrong: Any
    for wrong in ([], {"G": FLAT}, {NODES[0]: {"threshold": 9}}):
        assert isinstance(check(wrong).exception, LocalError)
