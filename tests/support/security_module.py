"""SoftHSM2 with a token of a session: a process reads its configuration once, so it has one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

MODULES = (Path("/usr/lib/softhsm/libsofthsm2.so"), *Path("/usr/lib").glob("*/softhsm/*hsm2.so"))
TOKEN, PIN = "tokend", "123456"


def find_module() -> Path:
    """Set-up installs it as root; where it cannot, these tests are listed as not run."""
    found = [each for each in MODULES if each.exists()]
    if not found and os.environ.get("CI") != "true":
        pytest.skip("not run, for want of softhsm2")
    assert found
    assert shutil.which("softhsm2-util")
    return found[0]


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Module and label of a new token. A process has one: it reads its configuration once."""
    module, folder = str(find_module()), tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(config))
        command = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN]
        subprocess.run(
            [*command, "--pin", PIN, "--so-pin", PIN], stdout=subprocess.DEVNULL, check=True
        )
        yield module, TOKEN
