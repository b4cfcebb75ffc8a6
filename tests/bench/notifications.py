"""How many messages a second one Notificator delivers: from its topic to a provider, each with its
attempt in the book before the call, and its receipts on a topic."""

import contextlib
import tempfile
import time
from pathlib import Path

from schemas.strkey import encode_account_id
from tests.bench.figures import Calibration, Figure
from tests.processors.notificator.support import World
from tests.support.network import get_account
from tests.support.sandbox import run_sandbox
from tests.support.servers import start_native_servers

MESSAGES = 2_000


def measure_notifications(calibration: Calibration) -> list[Figure]:
    """`notifications_per_s`: two instances, until the last message is sent."""
    with contextlib.ExitStack() as stack:
        servers = stack.enter_context(start_native_servers())
        sandbox = stack.enter_context(run_sandbox())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = World(servers, folder, sandbox)
        world.log.publish(*world.network.records)
        names = [f"person {number}" for number in range(MESSAGES // 10)]
        accounts = [encode_account_id(get_account(name)) for name in names]
        world.set_contacts({each: {"email": f"{n}@example.org"} for n, each in enumerate(accounts)})
        stack.enter_context(world.run("one"))
        stack.enter_context(world.run("two"))
        warm = world.request(names[0])
        world.produce(warm)
        world.wait_for(warm.token, "SENT")
        requests = [world.request(names[n % len(names)]) for n in range(MESSAGES)]
        began = time.monotonic()
        world.produce(*requests)
        world.wait_until(lambda: len(sandbox.letters) > MESSAGES, 300)
        world.wait_until(lambda: world.get_states().get("SENT", 0) > MESSAGES, 60)
        seconds = time.monotonic() - began
    return [calibration.judge_rate("notifications_per_s", MESSAGES / seconds, "messages/s")]
