"""The mail catcher starts whatever its password looks like, and forgets mail after a time."""

import contextlib
import imaplib
import smtplib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import ports
from infra.local.mail import COMMAND
from infra.local.mail_catcher import MAILBOX
from infra.local.processes import wait_until

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


@contextlib.contextmanager
def run_catcher(folder: Path, password: str, *more: str) -> Iterator[list[int]]:
    """The ports of SMTP, the page and IMAP."""
    file = folder / "password"
    file.write_text(password)
    numbers: list[int] = []
    for _ in range(3):
        numbers.append(ports.choose_port(numbers))
    command = (sys.executable, "-m", COMMAND, "127.0.0.1", *map(str, numbers), str(file), *more)
    with subprocess.Popen(command) as catcher:
        try:
            assert log_in(numbers[2], password) == "OK"
            yield numbers
        finally:
            catcher.terminate()


@pytest.mark.parametrize("password", ["-begins-with-a-dash", "--help"])
def test_a_password_may_look_like_an_option(tmp_path: Path, password: str) -> None:
    with run_catcher(tmp_path, password) as numbers:
        assert len(set(numbers)) == 3


def test_mail_is_forgotten(tmp_path: Path) -> None:
    with run_catcher(tmp_path, "password", "3") as (smtp, _, imap):
        with smtplib.SMTP("127.0.0.1", smtp, timeout=20) as sender:
            sender.sendmail("a@example.org", ["b@example.org"], "Subject: canary\n\ncanary")

        def count() -> int:
            with imaplib.IMAP4("127.0.0.1", imap, timeout=20) as mailbox:
                mailbox.login(MAILBOX, "password")
                return int(mailbox.select("INBOX")[1][0] or b"0")

        assert count() == 1
        assert wait_until(lambda: count() == 0, 60)
