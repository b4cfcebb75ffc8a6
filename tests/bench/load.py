"""Payments into a running deployment, counted as they close. What the measurements share."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

from infra.local import launch
from infra.local.health import get_status
from schemas.codec import decode, unframe
from schemas.generated.ledger import LedgerHeader, LedgerRecord
from tests.support.workload import (
    Deployment,
    Follower,
    configure,
    make_economy,
    make_payments,
)

WAIT_S = 60
LAG_MAX_S = 2.0  # after the last was offered: the rate was sustained


@dataclass(slots=True, frozen=True)
class Run:
    """Payments offered and closed. Seconds from the first offer to the last offer, and to the
    ledger of the last on the node that was slowest."""

    payments: int
    offered_s: float
    closed_s: float

    @property
    def rate(self) -> float:
        return self.payments / self.closed_s

    @property
    def is_sustained(self) -> bool:
        return self.closed_s - self.offered_s <= LAG_MAX_S


class Load:
    """An economy of `names` in a running deployment, and payments. `nodes`: all its nodes."""

    def __init__(
        self, running: launch.RunningDeployment, names: Sequence[str], nodes: Sequence[str]
    ):
        self.running = running
        self.target = Deployment.open(running.place.folder.root)
        self.names = names
        self.nodes = nodes
        make_economy(self.target, names, self.follow(nodes[0]))

    def follow(self, node: str) -> Follower:
        return Follower.open(self.target.kafka, node)

    def sign(self, payments: int, fee_max: int | None = None) -> list[bytes]:
        signed = make_payments(self.target, self.names, payments, fee_max)
        return [envelope for _, envelope in signed]

    def configure(self, *bodies: Any) -> None:
        """Operations of the master account; in a ledger when it returns."""
        configure(self.target, self.follow(self.nodes[0]), *bodies)

    def run(self, signed: Sequence[bytes], rate: float | None = None) -> Run:
        """Offers them at `rate` a second, or all at once; returns when every node closed them."""
        follower = self.follow(self.nodes[0])
        offered: list[float] = []
        producing = threading.Thread(
            target=lambda: offered.append(self.target.produce(signed, rate))
        )
        began = time.perf_counter()
        producing.start()
        last = wait_for_count(follower, len(signed))
        self.wait_until_published(last)
        closed_s = time.perf_counter() - began
        producing.join()
        return Run(len(signed), offered[0], closed_s)

    def wait_until_published(self, sequence: int) -> None:
        """By every node. Their headers are equal: a node whose ledger differs stops."""
        waiting = list(self.nodes)
        deadline = time.monotonic() + WAIT_S
        while waiting:
            if time.monotonic() > deadline:
                raise TimeoutError(f"ledger {sequence} is not published by {', '.join(waiting)}")
            status = get_node_status(self.running, waiting[0])
            if status is not None and status["published"] >= sequence:
                waiting.pop(0)
            else:
                time.sleep(0.02)


def get_node_status(running: launch.RunningDeployment, node: str) -> dict[str, Any] | None:
    place = running.place
    token = place.get_secret_file(f"{node}.token", str).read_text().strip()
    return get_status(place.get_address(f"{node}.http"), "/status", token)


def wait_for_count(follower: Follower, count: int) -> int:
    """Counts by headers alone: reading bodies would take the machine from the nodes. Returns the
    sequence of the ledger that has the last."""
    while True:
        message = follower.consumer.poll(WAIT_S)
        if message is None:
            raise TimeoutError(f"{count} payments are not closed")
        record = unframe(LedgerRecord, message.value() or b"")
        header = decode(LedgerHeader, record.header)
        count -= header.transaction_count
        if count <= 0:
            follower.consumer.close()
            return header.sequence


NODE_KINDS = ("core nodes", "signature workers")


def get_kind(process: psutil.Process) -> str:
    """Which part of a deployment a process is."""
    command = process.cmdline()
    text = " ".join(command)
    if "verification_worker" in text:
        return "signature workers"
    if "postgres" in text and "tokend" not in command[0]:
        return "PostgreSQL"
    if "kafka.Kafka" in text:
        return "Kafka"
    return "core nodes" if " core " in text else "others"


def get_processes(running: launch.RunningDeployment) -> list[psutil.Process]:
    """The supervisor and all below it: Kafka and PostgreSQL included."""
    supervisor = psutil.Process(running.supervisor.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def get_cpu_s(running: launch.RunningDeployment) -> dict[str, float]:
    """Seconds of processor time so far, by kind of process."""
    seconds: dict[str, float] = {}
    for process in get_processes(running):
        try:
            times, kind = process.cpu_times(), get_kind(process)
        except psutil.NoSuchProcess:
            continue
        seconds[kind] = seconds.get(kind, 0.0) + times.user + times.system
    return seconds


@contextmanager
def cpu_used(running: launch.RunningDeployment, used: list[dict[str, float]]) -> Iterator[None]:
    """Appends the seconds of processor time that the deployment used in the context."""
    before = get_cpu_s(running)
    yield
    after = get_cpu_s(running)
    used.append({kind: after[kind] - before.get(kind, 0.0) for kind in after})
