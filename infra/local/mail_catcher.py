"""Runs the mail catcher: `python -m infra.local.mail_catcher HOST SMTP_PORT HTTP_PORT IMAP_PORT
PASSWORD_FILE [KEPT_S]`.

It takes every message by SMTP and shows it on a page; nothing leaves the machine. It keeps them in
memory, and none longer than KEPT_S seconds, so that an erasure reaches here, too. A module of ours
starts it so that the password of its mailbox stands in no command line.
"""

import asyncio
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

MAILBOX = "all@tokend.example"
BYTES_MAX = "10M"
KEPT_S = "86400"
LOOK_S = 60.0


async def _run(
    host: str, smtp: str, http: str, imap: str, password_file: str, kept_s: str = KEPT_S
) -> None:
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
        ends = [is_over.wait(), _forget(service.mailboxes, float(kept_s))]
        tasks = [asyncio.create_task(each) for each in ends]
        done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
    if service.smtp is not None:
        service.smtp.stop()
    for task in done:
        task.result()


async def _forget(mailboxes: Any, kept_s: float) -> None:
    """Again and again, what is older."""
    while True:
        account, kept = await mailboxes.get(MAILBOX), timedelta(seconds=kept_s)
        for folder in (await account.list_mailboxes()).list():
            box = await account.get_mailbox(folder.name)
            until = datetime.now(UTC) - kept
            old = [m.uid async for m in box.messages() if m.internal_date.astimezone(UTC) < until]
            await box.delete(old)
        await asyncio.sleep(min(kept_s, LOOK_S))


if __name__ == "__main__":
    asyncio.run(_run(*sys.argv[1:]))
