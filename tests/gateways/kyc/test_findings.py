"""What the checker finds becomes a rejection with codes, a task for people, or nothing. One real
process, with ClamAV and a list of names.
"""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.checker import antivirus
from gateways.checker.antivirus import ScannerUnavailable
from gateways.checker.sanctions import Hit, SanctionsList
from gateways.client.keys import get_address
from tests.gateways.kyc.support import HUMAN, Kyc, Process
from tests.gateways.kyc.test_checker import ask, make_pdf, make_png
from tests.support.network import get_key
from tests.support.scanner import EICAR, MARK, run_scanner

pytestmark = pytest.mark.servers
NAMES = (
    {"id": "X-1", "names": ["Józef Wrogi-Kowalski", "Yosef Wrogi"]},
    {"id": "X-2", "names": ["Aleksandr Petrov"]},
)


@pytest.fixture(scope="module")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with run_scanner(tmp_path_factory.mktemp("clamd")) as path:
        yield path


@pytest.fixture(scope="module")
def process(kyc: Kyc, clamd: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    names = tmp_path_factory.mktemp("names") / "names.jsonl"
    names.write_text("".join(json.dumps(each) + "\n" for each in NAMES))
    names.chmod(0o644)
    with kyc.run_process(clamd=clamd, sanctions=str(names)) as running:
        yield running


def test_what_can_be_mended_is_given_back_and_handed_in_again(kyc: Kyc, process: Process) -> None:
    ask(kyc, "bela", {"photo_id_front": b"no picture"})
    case = kyc.wait_for_case("bela", state="REJECTED")
    assert case["reasons"] == case["checks"] == ["WRONG_MEDIA_TYPE"]
    handed = kyc.hand_in("bela", {"photo_id_front": make_png()})
    path = f"/v1/accounts/{get_address(get_key('bela'))}/cases"
    number = int(kyc.apis.get(path, "bela")[0]["id"])
    kyc.ask("bela", handed, number)
    case = kyc.wait_for_case("bela", state="APPROVED")
    assert (case["sequence_number"], case["commitment"]) == ("2", handed.commitment.hex())


@pytest.mark.parametrize("content", [EICAR, make_pdf() + b"\n%" + MARK], ids=["EICAR", "own"])
def test_malware_is_found(kyc: Kyc, process: Process, content: bytes) -> None:
    name = f"carl-{len(content)}"
    ask(kyc, name, {"photo_id_front": make_png(), "proof_of_address": content})
    assert kyc.wait_for_case(name, state="REJECTED")["reasons"] == ["MALWARE"]


def test_a_name_on_the_list_is_for_people(kyc: Kyc, process: Process) -> None:
    ask(kyc, "dora", {"photo_id_front": make_png()}, first_name="Jozef", last_name="Wrogi Kowalski")
    case = kyc.wait_for_case("dora", pending_tasks=HUMAN)
    assert (case["state"], case["checks"]) == ("SUBMITTED", ["SANCTIONS_HIT:100"])


def test_what_was_exchanged_after_the_commitment_is_noticed(kyc: Kyc, process: Process) -> None:
    kyc.add_person("emil")
    handed = kyc.hand_in("emil", {"photo_id_front": make_png()})
    query = "select object_key, bytes from api.documents where account_id = %s"
    ((key, length),) = kyc.apis.query(query, bytes(get_key("emil").verify_key))
    bucket = kyc.apis.documents.bucket
    kyc.object_store.client.put_object(Bucket=bucket, Key=key, Body=bytes(length))
    kyc.ask("emil", handed)
    assert kyc.wait_for_case("emil", state="REJECTED")["reasons"] == ["COMMITMENT_MISMATCH"]


@pytest.mark.parametrize(
    ("name", "hits"),
    [
        ("JÓZEF  WROGI-KOWALSKI", [Hit("X-1", 100)]),
        ("Kowalski, Wrogi Josef", [Hit("X-1", 94)]),
        ("Alexander Petrow", [Hit("X-2", 80)]),
        ("Anna Nowak", []),
        ("Jan Kowalski", []),
        ("Wrogi", []),
        ("", []),
    ],
)
def test_names_are_compared_as_people_write_them(name: str, hits: list[Hit]) -> None:
    names = SanctionsList(json.dumps(each).encode() for each in NAMES)
    assert names.find(name) == hits


def test_a_scanner_that_answers_nonsense_is_none(tmp_path: Path) -> None:
    with pytest.raises(ScannerUnavailable):
        antivirus.ping(str(tmp_path / "nothing"))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"stream: perhaps\0")
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises(ScannerUnavailable):
            antivirus.is_infected(ours, b"content")
