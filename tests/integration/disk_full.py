"""A deployment with PostgreSQL or Kafka on a small disk, filled and freed under load.

A program of its own, because it mounts that disk: in a mount namespace, so that the mount goes with
the last process of it. Without root it needs a user namespace too. Run as
`python -m tests.integration.disk_full ROUNDS` behind `get_namespace_command`; it fails by an
assertion.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from gateways.client.errors import HorizonUnavailable
from gateways.client.horizon import HorizonClient
from gateways.client.ingest import FRAME
from infra.cli.deployments import get_status
from infra.local import postgres
from infra.local.health import is_healthy
from infra.local.processes import send_signal, wait_until
from schemas.generated.common import Hash
from tests.support.whole_deployment import WholeDeployment, start_whole_deployment
from tests.support.workload import Follower, make_economy, make_payments

NAMES = [f"payer {number}" for number in range(20)]
DISK_MIB = {"kafka": 512, "postgres": 512}
FULL_S = 45
KILLED_S = 3
BACK_S = 90
RATE = 50
BLOCK = bytes(1 << 20)


def get_namespace_command() -> tuple[str, ...]:
    """What must stand before the command of this program."""
    if os.geteuid() == 0:
        return ("unshare", "--mount")
    return ("unshare", "--user", "--map-current-user", "--keep-caps", "--mount")


def get_folder(whole_deployment: WholeDeployment, server: str) -> Path:
    place = whole_deployment.running.place
    return place.folder.kafka if server == "kafka" else postgres.get_folder(place)


def move_to_small_disk(whole_deployment: WholeDeployment, server: str) -> Path:
    """The server's data goes onto a small file system that is mounted where they were."""
    folder = get_folder(whole_deployment, server)
    whole_deployment.stop(server)
    aside = folder.with_name(f"{folder.name}.aside")
    status = folder.stat()
    folder.rename(aside)
    folder.mkdir()
    options = f"size={DISK_MIB[server]}m,mode=0700,uid={status.st_uid},gid={status.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    subprocess.run(["cp", "-a", f"{aside}/.", str(folder)], check=True)
    shutil.rmtree(aside)
    whole_deployment.start(server)
    whole_deployment.wait_until_ready()
    return folder


@contextlib.contextmanager
def full(folder: Path) -> Iterator[None]:
    """Not a byte is free on the disk of `folder` as long as the context lasts."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(BLOCK)
    try:
        yield
    finally:
        ballast.unlink()


def is_red(whole_deployment: WholeDeployment) -> bool:
    """Whether a gateway's health says that the views stand still, or cannot be read."""
    return not is_healthy(whole_deployment.running.place.get_address("gateway1.http"), "/health")


def get_told_disks(whole_deployment: WholeDeployment) -> list[str]:
    """The folders that `tokend status` says have no space left."""
    status = get_status(whole_deployment.running.place.folder.root)
    return [disk["folder"] for disk in status["disks"] if disk["problem"] is not None]


def has_said(whole_deployment: WholeDeployment, name: str, text: str) -> bool:
    return text in (whole_deployment.running.place.folder.logs / f"{name}.log").read_text(
        errors="replace"
    )


def check_it_is_told(whole_deployment: WholeDeployment, server: str, folder: Path) -> None:
    """Health is red, status names the disk, and whoever could not write says why."""
    told = "No space left on device"
    writer = {"kafka": "kafka", "postgres": "core1"}[server]
    assert wait_until(lambda: has_said(whole_deployment, writer, told), FULL_S), (
        f"{writer} says nothing"
    )
    assert wait_until(lambda: is_red(whole_deployment), FULL_S), "health stays green"
    assert get_told_disks(whole_deployment) == [str(folder)]


def submit(whole_deployment: WholeDeployment, server: str) -> Hash | None:
    """What a client is told while the disk is full: never that his payment is done. Returns the
    payment's hash if he was told that it is durable, and will be done."""
    transaction_hash, envelope = make_payments(whole_deployment.workload, NAMES, 1)[0]
    answer: str
    with HorizonClient(whole_deployment.running.place.get_url("gateway1.http")) as client:
        try:
            answer = client.submit(envelope.removeprefix(FRAME), wait="ingest")["status"]
        except HorizonUnavailable as error:
            answer = str(error)
    if server == "kafka":
        assert "not durable" in answer, answer
    return transaction_hash if answer == "pending" else None


def kill_if_it_runs(whole_deployment: WholeDeployment, server: str) -> None:
    """A server whose disk is full may have ended by itself."""
    process_id = whole_deployment.running.control.get_state(server).process_id
    if process_id > 0:
        send_signal(process_id, signal.SIGKILL)


def run_round(whole_deployment: WholeDeployment, server: str, folder: Path) -> None:
    """The server is killed besides: it cannot come back before there is space."""
    with whole_deployment.under_load(NAMES, "core1", 6 * RATE, RATE):
        time.sleep(1.0)
        with full(folder):
            check_it_is_told(whole_deployment, server, folder)
            durable = submit(whole_deployment, server)
            kill_if_it_runs(whole_deployment, server)
            time.sleep(KILLED_S)
        whole_deployment.wait_until_ready(BACK_S)
    whole_deployment.check(set() if durable is None else {durable})
    assert wait_until(lambda: not is_red(whole_deployment), BACK_S)
    assert get_told_disks(whole_deployment) == []


def main() -> None:
    parser = argparse.ArgumentParser(description="Fill the servers' disks and free them again.")
    parser.add_argument("rounds", type=int)
    rounds = parser.parse_args().rounds
    with start_whole_deployment("horizon") as whole_deployment:
        load = whole_deployment.workload
        make_economy(load, NAMES, Follower.open(load.kafka, "core1"))
        folders = {server: move_to_small_disk(whole_deployment, server) for server in DISK_MIB}
        for number in range(1, rounds + 1):
            for server, folder in folders.items():
                sys.stderr.write(f"the disk of {server} is full: round {number} of {rounds}\n")
                run_round(whole_deployment, server, folder)
    for folder in folders.values():  # what is mounted could not be removed with its deployment
        subprocess.run(["umount", str(folder)], check=True)
    shutil.rmtree(whole_deployment.running.place.folder.root)


if __name__ == "__main__":
    main()
