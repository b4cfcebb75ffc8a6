"""The mail catcher starts whatever its password looks like."""

import imaplib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.local import ports
from infra.local.mail import COMMAND
from infra.local.mail_catcher import MAILBOX

pytestmark = pytest.mark.servers


def log_in(port: int, password: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with imaplib.IMAP4("127.0.0.1", port, timeout=10) as mailbox:
                return mailbox.login(MAILBOX, password)[0]
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.mark.parametrize("password", ["-begins-with-a-dash", "--help"])
def test_a_password_may_look_like_an_option(tmp_path: Path, password: str) -> None:
    file = tmp_path / "password"
    file.write_text(password)
    numbers: list[int] = []
    for _ in range(3):
        numbers.append(ports.choose_port(numbers))
    command = (sys.executable, "-m", COMMAND, "127.0.0.1", *map(str, numbers), str(file))
    with subprocess.Popen(command) as catcher:
        try:
            assert log_in(numbers[2], password) == "OK"
        finally:
            catcher.terminate()
