"""The canaries sing: what is planted is found."""

import base64
import os
import subprocess
from pathlib import Path

import pytest

from infra.local.folders import make_password
from infra.local.processes import wait_until
from schemas.strkey import decode_seed, encode_seed
from tests.support.canary import Canaries, ProcessWatch, find_in_open_files

SEED = encode_seed(os.urandom(32))
RAW = decode_seed(SEED)
PASSWORD = make_password()


@pytest.fixture
def canaries(tmp_path: Path) -> Canaries:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "seed").write_text(SEED + "\n")
    (folder / "password").write_text(PASSWORD + "\n")
    return Canaries.read(folder)


FORMS = {
    "as it is": SEED.encode(),
    "raw": RAW,
    "hex": RAW.hex().encode(),
    "HEX": RAW.hex().upper().encode(),
    "text in hex": SEED.encode().hex().encode(),
    **{f"base64 from byte {n}": base64.b64encode(b"user:"[:n] + RAW) for n in range(5)},
    **{
        f"text in base64 from byte {n}": base64.urlsafe_b64encode(b"user:"[:n] + SEED.encode())
        for n in range(5)
    },
}


@pytest.mark.parametrize("planted", FORMS.values(), ids=FORMS)
def test_every_form_is_found(canaries: Canaries, planted: bytes) -> None:
    assert canaries.find(b"before " + planted + b" after") == {"seed"}
    assert canaries.find(os.urandom(10_000)) == set()


def test_arguments_and_variables_are_seen(canaries: Canaries) -> None:
    for command, variables, name in (
        (["sh", "-c", f"sleep 600 # {PASSWORD}"], {}, "password"),
        (["sleep", "600"], {"SEED": SEED}, "seed"),
    ):
        with ProcessWatch() as watch, subprocess.Popen(command, env=variables) as process:
            assert wait_until(lambda n=name: n in watched(watch, canaries), 20)  # type: ignore[misc]
            process.kill()


def watched(watch: ProcessWatch, canaries: Canaries) -> set[str]:
    return canaries.find(b"\0".join(watch.seen.copy()))


def test_files_others_may_read_are_searched(canaries: Canaries, tmp_path: Path) -> None:
    folder = tmp_path / "deployment"
    folder.mkdir()
    for mode in (0o600, 0o640, 0o604):
        file = folder / f"{mode:o}"
        file.write_text(f"password={PASSWORD}")
        file.chmod(mode)
    assert find_in_open_files(folder, canaries) == {"640": {"password"}, "604": {"password"}}
