"""Test chains as servers of a deployment: btcd and anvil, without a network of their own."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.chains.nodes import ANVIL, BITCOIN, BTCD, RPC_USER, SETUP
from infra.local import ports
from infra.local.errors import LocalError
from infra.local.folders import write_private
from infra.local.place import Place
from infra.local.rows import Container, Report, Server, Service, Table

CHAINS = "chains"
KEEPER = "infra.chains.keeper"
BITCOIN_PORT, ETHEREUM_PORT = 18556, 8545
BITCOIN_INSIDE = "127.0.0.1:18557"
"""Where btcd listens in its container: its keeper relays."""
INSIDE = "/run/secrets"
IMAGE = {"image": "${TOKEND_IMAGE:-local/tokend}", "user": "${SERVICE_USER}:0"}
# A block is final as soon as two more are there; without old states nothing could be asked of it.
ANVIL_OPTIONS = ("--slots-in-an-epoch", "1", "--preserve-historical-states", "--silent")
STATE_INTERVAL_S = 1


class BitcoinServer(Server):
    """btcd's simnet, which keeps its blocks over restarts. Users and services log in alike."""

    title = "Bitcoin's test chain"
    stop_signal = "TERM"
    container = Container(
        compose={
            **IMAGE,
            "entrypoint": [
                *("/opt/tokend/.venv/bin/python", "-m", KEEPER, f"{INSIDE}/btcd.conf"),
                *(f"http://{BITCOIN_INSIDE}", "/var/lib/btcd", f"0.0.0.0:{BITCOIN_PORT}"),
            ],
        },
        secrets=INSIDE,
        data="/var/lib/btcd",
        published_port=BITCOIN_PORT,
    )

    @property
    def ports(self) -> Mapping[str, int]:
        return {self.name: BITCOIN_PORT}

    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        await _set_up(BTCD, report)
        (data,) = self.get_folders(place)
        data.mkdir(mode=0o700, exist_ok=True)
        settings = place.folder.config / "btcd.conf"
        write_private(settings, _encode_settings(place, data, place.get_address(self.name)))
        url = place.get_url(self.name)
        command = (sys.executable, "-m", KEEPER, str(settings), url, str(data))
        return ("setpriv", "--pdeathsig=TERM", *command)

    async def is_ready(self, place: Place) -> bool:
        return await asyncio.to_thread(ports.is_open, place.get_address(self.name))

    def provide(
        self, place: Place, table: Table, services: Sequence[Service], report: Report
    ) -> None:
        """So many blocks that coins can be paid."""
        from infra.chains.purses import open_bitcoin

        async def begin() -> None:
            async with open_bitcoin(place, place.get_private_url(self.name)) as chain:
                await chain.begin()

        asyncio.run(begin())

    def get_folders(self, place: Place) -> tuple[Path, ...]:
        return (place.folder.root / self.name,)

    def describe(self, place: Place) -> Mapping[str, Any] | None:
        password = str(place.get_secret_file(f"{self.name}.rpc"))
        return {"url": place.get_url(self.name), "user": RPC_USER, "password_file": password}

    def get_container_files(self, place: Place) -> Mapping[str, bytes]:
        return {"btcd.conf": _encode_settings(place, Path("/var/lib/btcd"), BITCOIN_INSIDE)}


class EthereumServer(Server):
    """anvil, which saves its state every second and when it ends."""

    title = "Ethereum's test chain"
    stop_signal = "INT"
    container = Container(
        compose={
            **IMAGE,
            "entrypoint": [
                *("/opt/tokend/.cache/chains/bin/anvil", "--host", "0.0.0.0"),  # noqa: S104
                *("--port", str(ETHEREUM_PORT), *ANVIL_OPTIONS),
                *("--state", "/var/lib/anvil/state.json"),
                *("--state-interval", str(STATE_INTERVAL_S)),
            ],
            "stop_signal": "SIGINT",
        },
        secrets=INSIDE,
        data="/var/lib/anvil",
        published_port=ETHEREUM_PORT,
    )

    @property
    def ports(self) -> Mapping[str, int]:
        return {self.name: ETHEREUM_PORT}

    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        await _set_up(ANVIL, report)
        (data,) = self.get_folders(place)
        data.mkdir(mode=0o700, exist_ok=True)
        port = place.get_port(self.name)
        state = ("--state", str(data / "state.json"), "--state-interval", str(STATE_INTERVAL_S))
        listen = ("--host", place.listen_host, "--port", str(port))
        return ("setpriv", "--pdeathsig=INT", str(ANVIL), *listen, *ANVIL_OPTIONS, *state)

    async def is_ready(self, place: Place) -> bool:
        return await asyncio.to_thread(ports.is_open, place.get_address(self.name))

    def provide(
        self, place: Place, table: Table, services: Sequence[Service], report: Report
    ) -> None:
        """Nothing: its accounts have coins from the beginning."""

    def get_folders(self, place: Place) -> tuple[Path, ...]:
        return (place.folder.root / self.name,)

    def describe(self, place: Place) -> Mapping[str, Any] | None:
        return {"url": place.get_url(self.name)}


async def _set_up(program: Path, report: Report) -> None:
    """Waits for the build that set-up began, or does it, with the user's own environment: his
    package clients' settings. Raises LocalError."""
    if not program.exists():
        report("building the test chains' nodes, once: about two minutes")
    build = await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig=TERM", str(SETUP)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        told = (await build.communicate())[1].decode(errors="replace")
    except asyncio.CancelledError:
        build.terminate()
        await build.wait()
        raise
    if build.returncode != 0:
        raise LocalError(
            "the test chains' nodes could not be built: use `--profile identity` or `core`",
            tuple(told.strip().splitlines()[-10:]),
        )


def _encode_settings(place: Place, data: Path, listen: str) -> bytes:
    from infra.chains.bitcoin import compute_address
    from infra.chains.purses import get_seed

    options = {
        **dict.fromkeys(("simnet", "notls", "nolisten", "txindex", "addrindex"), "1"),
        "datadir": str(data),
        "logdir": str(data / "logs"),
        "rpclisten": listen,
        "rpcuser": RPC_USER,
        "rpcpass": place.get_secret(f"{BITCOIN}.rpc"),
        "miningaddr": compute_address(get_seed(place)),
    }
    lines = [f"{key}={value}" for key, value in options.items()]
    return ("[Application Options]\n" + "\n".join(lines) + "\n").encode()
