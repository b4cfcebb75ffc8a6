"""The demo on containers: how a node is asked, killed and started there."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec

from infra.containers.place import INSIDE, SERVICE_PORTS, SETTINGS
from infra.demo.target import Replayed, Target
from infra.local.errors import LocalError
from infra.local.folders import DataFolder
from infra.local.health import is_healthy
from infra.local.processes import wait_until

READY_S = 600.0
COMPOSE_FILE = Path(__file__).with_name("compose.yaml")


def get_compose_command(root: Path) -> list[str]:
    """The compose command for this deployment: docker's plugin if there is one."""
    has_plugin = (
        shutil.which("docker") is not None
        and subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False
        ).returncode
        == 0
    )
    program = ["docker", "compose"] if has_plugin else ["docker-compose"]
    environment = root / "compose.env"
    return [*program, "--env-file", str(environment), "--file", str(COMPOSE_FILE)]


class ContainerTarget(Target):
    """A deployment that compose has started. `root`: what `tokend containers prepare` wrote."""

    def __init__(self, root: Path) -> None:
        file = DataFolder(root).endpoints_file
        super().__init__(msgspec.json.decode(file.read_bytes()))
        self._command = get_compose_command(root)

    def wait_until_ready(self) -> None:
        """Until all gateways serve views; compose returns when processes run. Raises LocalError."""
        for url in self.gateways:
            address = url.removeprefix("http://")
            if not wait_until(lambda at=address: is_healthy(at, "/ready"), READY_S):  # type: ignore[misc]
                raise LocalError(f"{url} was not ready after {READY_S:.0f} s: see its log")

    def _compose(self, *arguments: str) -> str:
        return _run([*self._command, *arguments])

    def _inspect(self, name: str, what: str) -> str:
        container = self._compose("ps", "--quiet", name).strip()
        return _run(["docker", "inspect", "--format", what, container]).strip()

    def get_address(self, core: str) -> str:
        """On the containers' own network, which their host can reach."""
        address = self._inspect(core, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
        return f"{address}:{SERVICE_PORTS['http']}"

    def kill(self, name: str) -> None:
        self._compose("kill", name)

    def is_down(self, name: str) -> bool:
        """An engine leaves down what it was asked to kill."""
        return self._inspect(name, "{{.State.Running}}") == "false"

    def start(self, name: str) -> None:
        self._compose("start", name)

    def replay(self, check: Callable[[], None]) -> Replayed:
        check()
        settings = str(INSIDE / SETTINGS)
        program = "/opt/tokend/.venv/bin/tokend"
        command = ("exec", "-T", "horizon1", program, "replay", "--config", settings, "--json")
        found = json.loads(self._compose(*command))
        names = ("sequence", "transactions", "seconds", "state_root", "is_audited")
        return Replayed(*(found[name] for name in names))


def _run(command: list[str]) -> str:
    """What it writes. Raises LocalError."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise LocalError(f"there is no {command[0]}: install it") from None
    if done.returncode != 0:
        lines = tuple(done.stderr.strip().splitlines()[-10:])
        raise LocalError(f"{' '.join(command)} failed (exit code {done.returncode})", lines)
    return done.stdout
