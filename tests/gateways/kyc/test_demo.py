"""The demo's part about papers, on these servers, with a scanner: also its branch for malware."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_seed
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from infra.demo.papers import keep_papers
from infra.demo.people import Person
from infra.demo.steps import Steps
from infra.demo.target import Target
from infra.local.checker import PLATFORM
from tests.gateways.kyc.support import Kyc
from tests.support.network import get_key
from tests.support.scanner import run_scanner

pytestmark = pytest.mark.servers
NAME = "the demo's Alice"
NEVER: Any = None


class SharedServers(Target):
    """Servers that no demo kills."""

    get_address = kill = is_down = start = replay = NEVER


def test_papers_with_malware_are_given_back(kyc: Kyc, tmp_path: Path) -> None:
    kyc.add_person(NAME)
    seed = tmp_path / "master.seed"
    seed.write_text(get_seed(get_key("master")))
    endpoints = {
        "horizon": [kyc.apis.gateway.url],
        "api": kyc.apis.urls,
        "keychain": kyc.keychains.urls,
        "kyc": {"has_scanner": True},
        "master_seed_file": str(seed),
    }
    master, alice = get_key("master"), Person("Alice", get_key(NAME))
    people = {master: "master", alice.key: NAME}
    console = Console(record=True, width=200)
    with (
        run_scanner(tmp_path / "clamd") as clamd,
        kyc.run_process(clamd=clamd),
        HorizonClient(kyc.apis.gateway.url, master) as client,
    ):
        apply_platform(client, master, read_platform(PLATFORM))
        steps = Steps(console, threading.Event())
        keep_papers(
            SharedServers(endpoints),
            client,
            steps,
            alice,
            lambda person, *bodies: kyc.submit(people[person.key], *bodies),
        )
        case = kyc.wait_for_case(NAME, state="ERASED")
    assert "MALWARE" in console.export_text()
    assert case["reasons"] == []
    assert "Example" not in json.dumps(case)
