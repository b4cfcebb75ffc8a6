"""Measures a Horizon gateway's reads: `python -m tests.gateways.measure_reads [SECONDS]`.

The gateway runs in a process of its own; the load is raw HTTP/1.1 over a few kept connections, so
that the client costs little. Prints one JSON line a path: reads a second, milliseconds, and the
gateway's own CPU microseconds a read, which travel better than the rate of a busy machine.
"""

import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from gateways.horizon.main import main
from gateways.horizon.settings import CoreSettings, HorizonGatewaySettings
from infra.local.ports import choose_port
from schemas.settings import DatabaseSettings, Secret
from schemas.strkey import encode_account_id, encode_balance_id
from tests.gateways.support import TOKEN, World, create_store
from tests.support.network import create_account, get_account
from tests.support.servers import start_native_servers

CONNECTIONS = 32
PEOPLE = 200


async def load(port: int, paths: list[str], seconds: float) -> list[float]:
    """Times of all answers, in seconds, of as many requests as fit."""
    times: list[float] = []
    deadline = time.perf_counter() + seconds

    async def ask(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number
        while time.perf_counter() < deadline:
            turn += CONNECTIONS
            started = time.perf_counter()
            writer.write(f"GET {paths[turn % len(paths)]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode())
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - started)
        writer.close()

    await asyncio.gather(*(ask(number) for number in range(CONNECTIONS)))
    return times


def get_cpu_seconds(process_id: int) -> float:
    """User and system time (proc(5): the fields after the name in parentheses)."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(name: str, process_id: int, port: int, paths: list[str], seconds: float) -> None:
    asyncio.run(load(port, paths, 1))
    before = get_cpu_seconds(process_id)
    times = asyncio.run(load(port, paths, seconds))
    used = get_cpu_seconds(process_id) - before
    figures = {
        "read": name,
        "per_second": round(len(times) / seconds),
        "p50_ms": round(statistics.median(times) * 1000, 2),
        "p99_ms": round(statistics.quantiles(times, n=100)[98] * 1000, 2),
        "gateway_cpu_us": round(used / len(times) * 1e6),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def run(seconds: float) -> None:
    with start_native_servers() as servers, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = World(servers.create_database("horizon"), folder / "genesis.json")
        people = [f"person {number}" for number in range(PEOPLE)]
        for start in range(0, PEOPLE, 50):
            world.apply("master", *(create_account(each) for each in people[start : start + 50]))
        (folder / "token").write_text(TOKEN)
        port = choose_port([])
        settings = HorizonGatewaySettings(
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            genesis_file=str(world.genesis_file),
            database=DatabaseSettings(url=Secret(world.database_url)),
            kafka=servers.kafka,
            store=DatabaseSettings(url=Secret(create_store(servers))),
            core=CoreSettings(url="http://127.0.0.1:1", token_file=str(folder / "token")),
        )
        gateway = multiprocessing.get_context("spawn").Process(target=main, args=(settings,))
        gateway.start()
        time.sleep(3)
        accounts = [f"/v3/accounts/{encode_account_id(get_account(each))}" for each in people]
        balance = encode_balance_id(world.network.get_balance_id("alice", "EUR"))
        process_id = gateway.pid or 0
        measure("health", process_id, port, ["/health"], seconds)
        measure("account", process_id, port, accounts, seconds)
        measure("balance", process_id, port, [f"/v3/balances/{balance}"], seconds)
        measure("ledgers page", process_id, port, ["/v3/ledgers?page[limit]=5"], seconds)
        measure("operations page", process_id, port, ["/v3/operations?page[limit]=50"], seconds)
        gateway.terminate()
        gateway.join()


if __name__ == "__main__":
    run(float(sys.argv[1]) if len(sys.argv) > 1 else 4.0)
