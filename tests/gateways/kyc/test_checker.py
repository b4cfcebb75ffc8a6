"""Cases from a person's machine to the checker's review, by the real process."""

import io
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from tests.gateways.kyc.support import Kyc
from tests.gateways.support import wait_until
from tests.support.scanner import run_scanner

pytestmark = pytest.mark.servers
CASES = "select * from kyc.cases order by request_id"
EVENTS = "select * from kyc.events order by event_id"


def make_png(size: tuple[int, int] = (64, 48)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "white").save(content, "PNG")
    return content.getvalue()


def make_pdf() -> bytes:
    content = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(content)
    return content.getvalue()


def ask(kyc: Kyc, name: str, papers: dict[str, bytes], **fields: str) -> Any:
    """A new person hands in papers, and asks for the role."""
    kyc.add_person(name)
    given = {"first_name": name, "last_name": "Example", **fields}
    handed = kyc.hand_in(name, papers, given)
    kyc.ask(name, handed)
    return handed


def test_a_clean_case_passes_and_the_role_changes(kyc: Kyc) -> None:
    kyc.add_person("anna")
    handed = kyc.hand_in("anna", {"photo_id_front": make_png()})
    kyc.ask("anna", handed)
    with kyc.run_process() as process:
        case = kyc.wait_for_case("anna", state="APPROVED")
        assert case["checks"] == []
        assert process.get_status()["checked"] >= 1
    assert case["commitment"] == handed.commitment.hex()
    assert case["role_id"] == str(kyc.role_id)


def test_a_case_without_its_scanner_waits_visibly(kyc: Kyc, tmp_path: Path) -> None:
    papers = {"photo_id_front": make_png(), "proof_of_address": make_pdf()}
    with kyc.run_process() as process:
        ask(kyc, "fritz", papers)
        kyc.wait_for_case("fritz", awaits_scan=True, state="SUBMITTED", checks=None)
        wait_until(lambda: process.get_status()["waiting_for_scan"] == 1)
    with run_scanner(tmp_path / "clamd") as path, kyc.run_process(clamd=path):
        kyc.wait_for_case("fritz", awaits_scan=False, state="APPROVED", checks=[])


def test_cases_that_are_rebuilt_are_equal(kyc: Kyc) -> None:
    with kyc.run_process():
        ask(kyc, "gina", {"photo_id_front": make_png()})
        kyc.wait_for_case("gina", state="APPROVED")
    with kyc.apis.miner.lock:
        before = (kyc.query(CASES), kyc.query(EVENTS))
        kyc.query("delete from kyc.progress")
        kyc.query("truncate kyc.cases, kyc.events")
    with kyc.run_process():
        wait_until(lambda: (kyc.query(CASES), kyc.query(EVENTS)) == before, 60)


def test_a_killed_process_goes_on_where_it_was(kyc: Kyc) -> None:
    for number in range(3):
        ask(kyc, f"hugo-{number}", {"photo_id_front": make_png()})
    with kyc.run_process() as process:
        kyc.wait_for_case("hugo-0", state="APPROVED")
        process.kill()
    with kyc.run_process():
        for number in range(3):
            assert kyc.wait_for_case(f"hugo-{number}", state="APPROVED")["checks"] == []
    told = "select count(*) from kyc.events where kind = 'CHECKED' and commitment = %s"
    for number in range(3):
        commitment = bytes.fromhex(kyc.find_case(f"hugo-{number}")["commitment"])
        assert kyc.query(told, commitment) == [(1,)]
