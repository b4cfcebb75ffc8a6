"""Loads one gateway process with reads by wrk: views of a made network, the gateway alone.

`start_reader` starts it on servers at hand; `LOADS` names what to read; `measure` tells how fast it
was. No core node and no processor run beside it, so that the machine is the gateway's,
PostgreSQL's and wrk's.
"""

import contextlib
import json
import multiprocessing
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2

from gateways.horizon.main import main
from gateways.horizon.settings import CoreSettings, HorizonGatewaySettings, HorizonLimits
from gateways.http.signatures import Message, get_authority, sign_message
from infra.local.ports import choose_port
from schemas.settings import DatabaseSettings, Secret
from schemas.strkey import encode_account_id, encode_balance_id
from tests.gateways.support import MANY, TOKEN, World, create_store, wait_until
from tests.support.network import create_account, create_balance, get_account, get_key, pay
from tests.support.servers import Servers

CONNECTIONS = 32
PEOPLE = 200
SCRIPT = Path(__file__).with_name("presigned.lua")


@dataclass(frozen=True)
class Reader:
    """A running gateway, and the people in its views."""

    url: str
    process_id: int
    accounts: list[str]
    balances: list[str]


@dataclass(frozen=True)
class Load:
    """What to read. `get_paths`: addresses, to be asked in turn. `is_signed`: by the master."""

    get_paths: Callable[[Reader], list[str]]
    is_signed: bool = False


LOADS: dict[str, Load] = {
    "read_one_rps": Load(lambda _: ["/v3/assets/EUR", "/v3/ledgers/3"]),
    "read_page_rps": Load(lambda _: ["/v3/ledgers?page%5Blimit%5D=50"]),
    "read_one_signed_rps": Load(
        lambda reader: [f"/v3/accounts/{each}" for each in reader.accounts], is_signed=True
    ),
    "read_page_signed_rps": Load(lambda _: ["/v3/operations?page%5Blimit%5D=50"], is_signed=True),
    "read_movements_signed_rps": Load(
        lambda reader: [
            f"/v3/movements?filter%5Baccount%5D={each}&page%5Blimit%5D=50"
            for each in reader.accounts[:2]
        ],
        is_signed=True,
    ),
}


@dataclass(frozen=True)
class Measured:
    """`cpu_us`: the gateway's own processor time a request, which a busy machine changes least."""

    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


@contextlib.contextmanager
def start_reader(servers: Servers) -> Iterator[Reader]:
    """One gateway process over views of some hundred ledgers; rate limits out of the way."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = World(servers.create_database("horizon"), folder / "genesis.json")
        people = make_people(world)
        (folder / "token").write_text(TOKEN)
        port = choose_port([])
        settings = HorizonGatewaySettings(
            port=port,
            public_url=f"http://127.0.0.1:{port}",
            genesis_file=str(world.genesis_file),
            database=DatabaseSettings(url=Secret(world.database_url)),
            store=DatabaseSettings(url=Secret(create_store(servers))),
            kafka=servers.kafka,
            core=CoreSettings(url="http://127.0.0.1:1", token_file=str(folder / "token")),
            limits=HorizonLimits(reads=MANY, submissions=MANY),
        )
        gateway = multiprocessing.get_context("spawn").Process(target=_run, args=(settings,))
        gateway.start()
        try:
            wait_until(lambda: _is_ready(settings.public_url), 30)
            yield Reader(
                settings.public_url,
                gateway.pid or 0,
                [encode_account_id(get_account(each)) for each in people],
                [encode_balance_id(world.network.get_balance_id(p, "EUR")) for p in people],
            )
        finally:
            gateway.terminate()
            gateway.join()
            world.connection.close()


def make_people(world: World) -> list[str]:
    """Alice and Bob, who pay each other, and others who hold nothing."""
    network = world.network
    people = ["alice", "bob", *(f"person {number}" for number in range(PEOPLE))]
    for start in range(2, len(people), 50):
        chunk = people[start : start + 50]
        world.apply("master", *(create_account(each) for each in chunk))
        world.close(*(network.prepare(each, create_balance(each, "EUR")) for each in chunk))
    for number in range(60):
        payer, payee = ("alice", "bob") if number % 2 else ("bob", "alice")
        body = pay(network, payer, payee, "EUR", 1 + number, f"payment {number}")
        world.close(network.prepare(payer, body, memo=f"for {number}"))
    return people


def _run(settings: HorizonGatewaySettings) -> None:
    """Its log, a line a request, goes nowhere: as to a file, but without the disk."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    main(settings)


def _is_ready(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/ready").status_code == 200
    except httpx2.TransportError:
        return False


def measure(reader: Reader, load: Load, seconds: int = 5, most_per_second: int = 8_000) -> Measured:
    """Raises RuntimeError without wrk, or if any request was not answered with 2xx."""
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is missing: install it (Debian: apt-get install wrk)")
    _run_wrk(reader, load, 1, most_per_second)
    before = get_cpu_seconds(reader.process_id)
    told = _run_wrk(reader, load, seconds, most_per_second)
    used = get_cpu_seconds(reader.process_id) - before
    count = told["requests"]
    return Measured(
        count / told["seconds"], told["p50_ms"], told["p99_ms"], used / count * 1_000_000
    )


def _run_wrk(reader: Reader, load: Load, seconds: int, most: int) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".requests") as file:
        paths = load.get_paths(reader)
        count = most * seconds if load.is_signed else len(paths)
        for number in range(count):
            path = paths[number % len(paths)]
            file.write(_sign(reader, path) if load.is_signed else path)
            file.write("\n")
        file.flush()
        return run_wrk(reader.url, Path(file.name), seconds)


def run_wrk(url: str, requests: Path, seconds: int) -> dict[str, float]:
    """What `presigned.lua` tells. Raises RuntimeError if any request was not answered with 2xx."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(SCRIPT)]
    done = subprocess.run(
        [*command, url, "--", str(requests)], capture_output=True, text=True, check=True
    )
    told: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    if told["failed"] or not told["requests"]:
        raise RuntimeError(f"requests failed: {done.stdout}")
    return told


def _sign(reader: Reader, target: str) -> str:
    path, _, query = target.partition("?")
    message = Message("GET", get_authority(reader.url), path, query)
    nonce = secrets.token_urlsafe(18)
    headers = sign_message(message, get_key("master"), int(time.time()), nonce)
    return "\t".join(
        [target, headers["Content-Digest"], headers["Signature-Input"], headers["Signature"]]
    )


def get_cpu_seconds(process_id: int) -> float:
    """User and system time (proc(5): the fields after the name in parentheses)."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
