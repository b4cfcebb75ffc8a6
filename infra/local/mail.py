"""The mail catcher of a deployment: SMTP for the Notificator, a page for people. It keeps mail in
memory and sends none.
"""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local import ports
from infra.local.place import Place
from infra.local.rows import Container, Report, Server, Service, Table

MAIL = "mail"
SMTP_PORT, PAGE_PORT, IMAP_PORT = 4025, 4080, 4143
MAILBOX_FILE = "password"
COMMAND = "infra.local.mail_catcher"


class MailServer(Server):
    """Its row. `NAME.page` is the port of the page."""

    title = "The mail catcher"
    container = Container(
        compose={
            "image": "${TOKEND_IMAGE:-local/tokend}",
            "user": "${SERVICE_USER}:${SERVICE_USER}",
            "entrypoint": ["/opt/tokend/.venv/bin/python", "-m", COMMAND],
            "command": [
                "0.0.0.0",  # noqa: S104  # of the container, which publishes nothing
                *(str(SMTP_PORT), str(PAGE_PORT), str(IMAP_PORT)),
                f"/run/secrets/{MAILBOX_FILE}",
            ],
        },
        secrets="/run/secrets",
        data="/tmp/mail",  # noqa: S108  # it keeps nothing
    )

    @property
    def ports(self) -> Mapping[str, int]:
        return {
            self.name: SMTP_PORT,
            f"{self.name}.page": PAGE_PORT,
            f"{self.name}.imap": IMAP_PORT,
        }

    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        numbers = [str(place.get_port(name)) for name in self.ports]
        password_file = str(place.get_secret_file(f"{self.name}.{MAILBOX_FILE}"))
        command = (sys.executable, "-m", COMMAND, place.listen_host, *numbers, password_file)
        return ("setpriv", "--pdeathsig=TERM", *command)

    async def is_ready(self, place: Place) -> bool:
        addresses = [place.get_address(name) for name in (self.name, f"{self.name}.page")]
        return all([await asyncio.to_thread(ports.is_open, each) for each in addresses])

    def provide(
        self, place: Place, table: Table, services: Sequence[Service], report: Report
    ) -> None:
        report(f"mail is shown at {place.get_url(f'{self.name}.page')}")

    def get_folders(self, place: Place) -> tuple[Path, ...]:
        return ()

    def describe(self, place: Place) -> Mapping[str, Any] | None:
        return {
            "smtp": place.get_address(self.name),
            "page": place.get_url(f"{self.name}.page"),
            "imap": place.get_address(f"{self.name}.imap"),
            "password_file": str(place.get_secret_file(f"{self.name}.{MAILBOX_FILE}")),
        }

    def get_container_files(self, place: Place) -> Mapping[str, bytes]:
        return {MAILBOX_FILE: place.get_secret(f"{self.name}.{MAILBOX_FILE}").encode()}
