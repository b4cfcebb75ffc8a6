"""Votes on a network of real processes: settings and the quorum set change, and change back."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from infra.local import network, processes
from schemas.codec import decode, unframe
from schemas.generated.ledger import LedgerBody, LedgerHeader, LedgerRecord
from schemas.strkey import decode_account_id
from tests.support.whole_deployment import WholeDeployment
from tests.support.workload import Follower

pytestmark = pytest.mark.whole

WAIT_S = 60.0
NODES = tuple(each for core in network.CORES for each in ("--node", core))
TIMEOUTS: dict[str, Any] = {
    "type": "timeouts_upgrade",
    "timeout_initial_ms": "600",
    "timeout_increment_ms": "500",
}


def run(whole_deployment: WholeDeployment, *arguments: str) -> str:
    root = str(whole_deployment.running.place.folder.root)
    result = CliRunner().invoke(app, ["vote", *arguments, "--data", root])
    assert result.exit_code == 0, result.output
    return result.output


def propose(whole_deployment: WholeDeployment, file: Path, change: Any, *options: str) -> None:
    file.write_text(json.dumps(change))
    run(whole_deployment, "propose", str(file), *options)


def follow(whole_deployment: WholeDeployment) -> Iterator[tuple[LedgerRecord, LedgerBody]]:
    """Ledgers of core1 from now on."""
    consumer = Follower.open(whole_deployment.kafka, "core1").consumer
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is not None:
            record = unframe(LedgerRecord, message.value() or b"")
            yield record, decode(LedgerBody, record.body)
    raise TimeoutError("what was voted for did not come")


def wait_for_upgrades(ledgers: Iterator[tuple[LedgerRecord, LedgerBody]]) -> int:
    record, _ = next(each for each in ledgers if each[1].upgrades)
    return int(decode(LedgerHeader, record.header).sequence)


def make_quorum_set(
    whole_deployment: WholeDeployment, threshold: int, cores: Sequence[str] = network.CORES
) -> dict[str, Any]:
    place = whole_deployment.running.place
    members = sorted((network.get_identity(place, c) for c in cores), key=decode_account_id)
    return {
        "type": "quorum_set_upgrade",
        "quorum_set": {"threshold": threshold, "validators": members, "inner_sets": []},
    }


def test_settings_and_the_quorum_set_change_by_vote(
    whole_deployment: WholeDeployment, tmp_path: Path
) -> None:
    file = tmp_path / "change.json"
    propose(whole_deployment, file, TIMEOUTS, "--node", "core1")
    assert "core1 votes for" in run(whole_deployment, "show", "--node", "core1")
    assert "core2 votes for nothing" in run(whole_deployment, "show", "--node", "core2")
    ledgers = follow(whole_deployment)
    propose(whole_deployment, file, make_quorum_set(whole_deployment, 4))
    wait_for_upgrades(ledgers)
    record, _ = next(ledgers)
    assert len(record.certificate.signatures) == 4
    propose(whole_deployment, file, make_quorum_set(whole_deployment, 3))
    wait_for_upgrades(ledgers)
    propose(whole_deployment, file, TIMEOUTS)
    seen = wait_for_upgrades(ledgers)
    last = whole_deployment.wait_until_level()
    assert last >= seen
    for pair in network.PAIRS:
        whole_deployment.audit_views(pair, last)
    assert "votes for nothing" in run(whole_deployment, "show", "--node", "core3")


def add_node(whole_deployment: WholeDeployment) -> tuple[str, Path]:
    """Its name, and the file with the quorum set to vote for."""
    place = whole_deployment.running.place
    before = whole_deployment.get_process_ids()
    result = CliRunner().invoke(app, ["node", "add", "--data", str(place.folder.root), "--json"])
    assert result.exit_code == 0, result.output
    added = json.loads(result.stdout)
    assert whole_deployment.get_process_ids() == before, "a node was started again"
    return added["node"], Path(added["quorum_set"])


def get_sequence(whole_deployment: WholeDeployment, node: str) -> int:
    status = whole_deployment.get_node_status(node)
    return -1 if status is None else int(status["published"])


def test_a_node_joins_and_is_voted_in_and_out(
    whole_deployment: WholeDeployment, tmp_path: Path
) -> None:
    """Added, one replaced, one removed, while a node is down, in neighbouring ledgers."""
    file, control = tmp_path / "change.json", whole_deployment.running.control
    level = whole_deployment.wait_until_level()
    joined, suggested = add_node(whole_deployment)
    whole_deployment.running.place.state = whole_deployment.running.place.folder.load_state()
    assert joined == "core5"
    assert processes.wait_until(lambda: get_sequence(whole_deployment, joined) >= level, WAIT_S)
    ledgers = follow(whole_deployment)

    run(whole_deployment, "propose", str(suggested), *NODES)
    wait_for_upgrades(ledgers)
    record, _ = next(ledgers)
    assert len(record.certificate.signatures) >= 4

    control.stop("core2")
    replaced = ("core1", "core3", "core4", joined)
    change = make_quorum_set(whole_deployment, 3, replaced)
    propose(whole_deployment, file, change, "--node", joined, *NODES[:2], *NODES[4:])
    wait_for_upgrades(ledgers)
    control.start("core2")

    last = whole_deployment.wait_until_level()
    removed, back = (
        make_quorum_set(whole_deployment, 3, cores) for cores in (replaced[:3], network.CORES)
    )
    propose(whole_deployment, file, removed, "--at-ledger", str(last + 5))
    propose(whole_deployment, file, back, "--at-ledger", str(last + 6))
    assert wait_for_upgrades(ledgers) == wait_for_upgrades(ledgers) - 1

    control.stop(joined)
    whole_deployment.check()
