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
START_S, SET_PSS_MB, IDLE_PERCENT = 30, 2_500, 15  # the bars
IDLE_S = 20
SETTLE_S = 5
MB = 1_000_000


def measure_footprint() -> list[Figure]:
    return [_measure_start(), *_measure_rest()]


def _measure_start() -> Figure:
    """From `tokend up --profile core`, which has run before, to the first ledger that it
    certifies."""
    root = make_folder()
    try:
        _tokend("up", "--profile", "core", "--detach", "--data", str(root))
        _tokend("down", "--data", str(root))
        seconds = []
        for _ in range(RUNS):
            began = time.perf_counter()
            _tokend("up", "--profile", "core", "--detach", "--data", str(root))
            _wait_for_ledger(root)
            seconds.append(time.perf_counter() - began)
            _tokend("down", "--data", str(root))
        tell(f"started, warm, in {median(seconds):.1f} s")
        return judge("start_s", median(seconds), "s", START_S)
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
    """A whole deployment that nobody uses."""
    with start_deployment(TABLE, "all") as running:
        time.sleep(SETTLE_S)
        used = sum(each.memory_full_info().pss for each in get_processes(running)) / MB
        nodes = [each for each in get_processes(running) if get_kind(each) in NODE_KINDS]
        before = sum(_get_cpu_s(each) for each in nodes)
        time.sleep(IDLE_S)
        spent = sum(_get_cpu_s(each) for each in nodes) - before
    percent = spent / IDLE_S * 100 / len(network.CORES)
    tell(f"the deployment takes {used:,.0f} MB, an idle node {percent:.1f} % of a core")
    return [
        judge("set_pss_mb", used, "MB", SET_PSS_MB),
        judge("idle_cpu", percent, "% of a core a node", IDLE_PERCENT),
    ]


NODE_KINDS = ("core nodes", "signature workers")


def _get_cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
