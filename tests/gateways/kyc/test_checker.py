"""Cases from a person's machine to the checker's review, by the real process."""

import io

import pikepdf
from PIL import Image

from tests.gateways.kyc.support import Kyc


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
