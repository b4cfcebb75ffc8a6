"""Reads a second of one gateway process, by wrk."""

import os
import shutil
import subprocess
from statistics import median

from tests.bench.figures import Calibration, Figure, tell
from tests.gateways.reading import LOADS, measure, start_reader
from tests.support.servers import start_native_servers

RUNS = 3
SECONDS = 5


class WrkMissing(Exception):
    """The load generator is not there; the message says what to do."""


def measure_reads(calibration: Calibration) -> list[Figure]:
    get_wrk()
    figures = []
    with start_native_servers() as servers, start_reader(servers) as reader:
        for name, load in LOADS.items():
            calibration.measure()
            measured = [measure(reader, load, SECONDS) for _ in range(RUNS)]
            rate = median(each.per_second for each in measured)
            cost = median(each.cpu_us for each in measured)
            tell(f"{name}: {rate:,.0f} a second, {cost:.0f} us of the gateway's processor each")
            figures.append(calibration.judge_rate(name, rate, "requests/s"))
    return figures


def get_wrk() -> None:
    """Installs it as root. Raises `WrkMissing`."""
    if shutil.which("wrk"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        command = ["apt-get", "install", "-y", "--no-install-recommends", "wrk"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return
    raise WrkMissing("wrk is needed to measure reads: apt-get install wrk")
