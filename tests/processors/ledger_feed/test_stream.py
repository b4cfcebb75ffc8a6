"""How a process of streams ends."""

import asyncio
import os
import signal
import subprocess
import sys

from processors.ledger_feed import stream


async def refuse_to_end() -> None:
    """As Faust does while it waits for a broker that is away."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


async def ask_to_end() -> None:
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(60)


async def run() -> None:
    tasks = [asyncio.create_task(each()) for each in (refuse_to_end, ask_to_end)]
    await stream.run_until_signal(tasks)


def test_what_does_not_heed_a_signal_does_not_hold_up_the_end() -> None:
    command = [sys.executable, "-m", "tests.processors.ledger_feed.test_stream"]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0


if __name__ == "__main__":
    stream.STOP_S = stream.LEFT_S = 0.1
    stream.run_to_end(run())
