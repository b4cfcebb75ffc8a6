"""Runs tools such as initdb to their end; none of them outlives us."""

import asyncio
import os
import signal
from collections.abc import Sequence

from infra.local.accounts import Account
from infra.local.environment import make_environment
from infra.local.errors import LocalError

# The tool dies with the thread that started it, so that even a kill -9 of us leaves nothing behind.
# A change of user removes that bond, so it must come first.
DIES_WITH_PARENT = ("setpriv", "--pdeathsig=KILL")


async def run_tool(
    command: Sequence[str],
    what: str,
    *,
    account: Account | None = None,
) -> str:
    """Runs `command` in /, returns what it wrote. Raises LocalError with that text's end.

    Cancelled, it kills the tool and waits for its end. `what` names the job for the user.
    """
    process = await asyncio.create_subprocess_exec(
        *(account.prefix if account else ()),
        *DIES_WITH_PARENT,
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd="/",
        env=make_environment(os.environ),
        start_new_session=True,
    )
    try:
        output = (await process.communicate())[0].decode(errors="replace")
    except asyncio.CancelledError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode != 0:
        lines = tuple(output.strip().splitlines()[-10:])
        raise LocalError(f"{what} failed (exit code {process.returncode})", lines)
    return output
