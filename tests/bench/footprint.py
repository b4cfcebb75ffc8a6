"""What a deployment takes: seconds to start, memory, and processor time while nothing happens."""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import psutil

from infra.local import network, processes
from infra.local.folders import DataFolder
from infra.local.health import get_status
from infra.local.place import Place
from infra.local.table import TABLE
from tests.bench.figures import Figure, judge, tell
from tests.bench.load import get_kind, get_processes
from tests.support.deployments import start_deployment
from tests.support.servers import make_folder

RUNS = 3
START_S, UP_ALL_S = 30, 45  # the bars
UP_ALL_MB, UP_ALL_IDLE, IDLE_PERCENT = 4_000, 30, 15
IDLE_S = 30
SETTLE_S = 20
MB = 1_000_000


def measure_footprint() -> list[Figure]:
    return [
        _measure_start("start_s", "core", START_S),
        _measure_start("up_all_s", "all", UP_ALL_S),
        *_measure_rest(),
    ]


def _measure_start(name: str, profile: str, bar_s: float) -> Figure:
    """From `tokend up`, which has run before, until every service is ready and a node has
    certified a ledger."""
    root = make_folder()
    try:
        _tokend("up", "--profile", profile, "--detach", "--data", str(root))
        _tokend("down", "--data", str(root))
        seconds = []
        for _ in range(RUNS):
            began = time.perf_counter()
            _tokend("up", "--profile", profile, "--detach", "--data", str(root))
            _wait_for_ledger(root)
            seconds.append(time.perf_counter() - began)
            _tokend("down", "--data", str(root))
        tell(f"{profile} started, warm, in {median(seconds):.1f} s")
        return judge(name, median(seconds), "s", bar_s)
    finally:
        processes.end_processes(root)
        shutil.rmtree(root, ignore_errors=True)


def _tokend(*arguments: str) -> None:
    program = Path(sys.executable).with_name("tokend")
    subprocess.run([program, *arguments], check=True, capture_output=True)


def _wait_for_ledger(root: Path) -> None:
    """A node certifies the ledger after the one with which it started."""
    place = Place(DataFolder(root))
    token = place.get_secret_file("core1.token", str).read_text().strip()
    first: int | None = None
    while True:
        status = get_status(place.get_address("core1.http"), "/status", token)
        if status is not None:
            first = status["sequence"] if first is None else first
            if status["published"] > first:
                return
        time.sleep(0.02)


def _measure_rest() -> list[Figure]:
    """A whole deployment that nobody uses: memory as the sum of proportional set sizes."""
    with start_deployment(TABLE, "all") as running:
        time.sleep(SETTLE_S)
        everything = get_processes(running)
        used = sum(each.memory_full_info().pss for each in everything) / MB
        kinds = {each.pid: get_kind(each) for each in everything}
        before = {each.pid: _get_cpu_s(each) for each in everything}
        time.sleep(IDLE_S)
        percent = {each.pid: _get_percent(each, before) for each in everything}
    nodes = sum(percent[pid] for pid, kind in kinds.items() if kind in NODE_KINDS)
    whole, node = sum(percent.values()), nodes / len(network.CORES)
    tell(f"the deployment takes {used:,.0f} MB and {whole:.1f} % of a core, a node {node:.1f} %")
    return [
        judge("up_all_mb", used, "MB", UP_ALL_MB),
        judge("up_all_idle", whole, "% of a core", UP_ALL_IDLE),
        judge("idle_cpu", node, "% of a core a node", IDLE_PERCENT),
    ]


NODE_KINDS = ("core nodes", "signature workers")


def _get_percent(process: psutil.Process, before: dict[int, float]) -> float:
    """Of one core, since `before`. A process that has ended used nothing."""
    try:
        return (_get_cpu_s(process) - before[process.pid]) / IDLE_S * 100
    except psutil.NoSuchProcess:
        return 0.0


def _get_cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
