"""Runs the mail catcher: `python -m infra.local.mail_catcher HOST SMTP_PORT HTTP_PORT IMAP_PORT
PASSWORD_FILE`.

It takes every message by SMTP and shows it on a page; nothing leaves the machine. A module of ours
starts it so that the password of its mailbox stands in no command line.
"""

import asyncio
import signal
import sys
from pathlib import Path

MAILBOX = "all@tokend.example"
BYTES_MAX = "10M"


async def _run(host: str, smtp: str, http: str, imap: str, password_file: str) -> None:
    from mail_devel.service import Service

    password = Path(password_file).read_text().strip()
    arguments = Service.parse(
        [
            *("--host", host, "--user", MAILBOX, f"--password={password}", "--smtp-port", smtp),
            *("--http-port", http, "--imap-port", imap, "--client-max-size", BYTES_MAX),
        ]
    )
    service = await Service.init(arguments)
    is_over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, is_over.set)
    async with service.start():
        await is_over.wait()
    if service.smtp is not None:
        service.smtp.stop()


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:6]))
