"""`tokend kyc`, as a person and a reviewer type it."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateways.client.keys import get_seed
from tests.gateways.kyc.support import CHECK, HUMAN, Kyc
from tests.gateways.kyc.test_checker import make_pdf, make_png
from tests.gateways.verbs import run_verb
from tests.support.network import get_key

pytestmark = pytest.mark.servers


class Verbs:
    """Runs verbs with the seed of somebody."""

    def __init__(self, kyc: Kyc, folder: Path) -> None:
        self.folder = folder
        self.endpoints = folder / "endpoints.json"
        content = {
            "api": kyc.apis.urls,
            "keychain": kyc.keychains.urls,
            "horizon": [kyc.apis.gateway.url],
        }
        self.endpoints.write_text(json.dumps(content))

    def run(self, name: str, *words: str, is_json: bool = True) -> Any:
        """What a verb prints; fails with what it says otherwise."""
        seed = self.folder / f"{name}.seed"
        seed.write_text(get_seed(get_key(name)))
        command = ["kyc", *words, "--endpoints", str(self.endpoints)]
        command += ["--seed-file", str(seed), *(["--json"] if is_json else [])]
        told = run_verb(command)
        return json.loads(told) if is_json else told


def test_from_a_form_to_an_approval(kyc: Kyc, tmp_path: Path) -> None:
    verbs = Verbs(kyc, tmp_path)
    kyc.add_person("helga")
    kyc.add_reviewer("rudi")
    form, picture, paper = (tmp_path / name for name in ("form.json", "id.png", "bill.pdf"))
    form.write_text(json.dumps({"first_name": "Helga", "last_name": "Example"}))
    picture.write_bytes(make_png())
    paper.write_bytes(make_pdf())
    shown = verbs.run("helga", "form", "verified", is_json=False)
    assert "photo_id_front" in shown
    documents = [f"--document=photo_id_front={picture}", f"--document=proof_of_address={paper}"]
    made = verbs.run("helga", "submit", "verified", str(form), *documents)
    with kyc.run_process():
        kyc.wait_for_case("helga", commitment=made["commitment"], awaits_scan=True)
        (own,) = verbs.run("helga", "status")
        number = own["id"]
        assert number in [each["id"] for each in verbs.run("rudi", "list")]
        verbs.run("rudi", "reject", number, "--reason", "NOT_LEGIBLE")
        kyc.wait_for_case("helga", state="REJECTED")
        assert "cannot be read by people" in verbs.run("rudi", "show", number, is_json=False)
        again = verbs.run("helga", "submit", "verified", str(form), *documents, "--again", number)
        kyc.wait_for_case("helga", commitment=again["commitment"], state="SUBMITTED")
        out = tmp_path / "opened"
        opened = verbs.run("rudi", "open", number, f"--out={out}", is_json=False)
        assert '"first_name": "Helga"' in opened
        names = sorted(each.name for each in out.iterdir())
        assert names == ["photo_id_front-1.png", "proof_of_address-1.png"]
        assert out.stat().st_mode & 0o077 == 0
        verbs.run("rudi", "approve", number, "--unchecked")
        case = kyc.wait_for_case("helga", state="APPROVED")
    assert case["all_tasks"] in (CHECK, CHECK | HUMAN)
