"""ClamAV's daemon with signatures of our own, for tests."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.checker.antivirus import ScannerUnavailable, ping
from infra.local.processes import wait_until

CLAMD = Path("/usr/sbin/clamd")
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
EICAR_HASH = "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature"
MARK = b"a signature of our own tests"


@contextlib.contextmanager
def run_scanner(folder: Path) -> Iterator[str]:
    """The path of its socket. Set-up installs it as root; where it cannot, tests are not run."""
    if not CLAMD.exists() and os.environ.get("CI") != "true":
        pytest.skip("not run, for want of clamav-daemon")
    folder.mkdir(exist_ok=True)
    (folder / "own.hdb").write_text(f"{EICAR_HASH}\n")
    (folder / "own.ndb").write_text(f"Own-Test:0:*:{MARK.hex()}\n")
    path = folder / "clamd.sock"
    (folder / "clamd.conf").write_text(
        f"Foreground yes\nLocalSocket {path}\nLocalSocketMode 666\nDatabaseDirectory {folder}\n"
        "User root\nStreamMaxLength 64M\n"
    )
    command = [str(CLAMD), "--config-file", str(folder / "clamd.conf")]
    log = (folder / "clamd.log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        assert wait_until(lambda: _answers(str(path)), 60), (folder / "clamd.log").read_text()
        yield str(path)
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _answers(path: str) -> bool:
    with contextlib.suppress(ScannerUnavailable):
        ping(path)
        return True
    return False
