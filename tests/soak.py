"""`make soak MINUTES=30`: a network at half of what it can close, and every minute a `kill -9`.

Nodes and Horizon pairs are killed in turn, but for the first ones: these show whether a process
that runs for long grows. So payments have no references, which nodes keep for 30 days, and live for
two minutes. At the end every payment stands in the ledgers of all nodes exactly once,
their headers are equal, and Horizon's views are those of a fresh replay. Then a node loses its
database, and comes back by itself.
"""

import argparse
import contextlib
import itertools
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from infra.local import network
from infra.local.processes import wait_until
from schemas.generated.common import Hash
from tests.bench.figures import Figure, judge, tell, write
from tests.bench.load import Load
from tests.support.whole_deployment import WholeDeployment, start_whole_deployment
from tests.support.workload import make_payments

MINUTE_S, SAMPLE_S = 60, 5
LIFE_MS = 2 * 60_000
NAMES = [f"payer {number}" for number in range(500)]
MEASURED_S = 15
SHARE = 0.5  # of the measured capacity
VICTIMS = ("core2", "horizon2", "core3", "gateway2", "core4")
WATCHED = ("core1", "horizon1", "gateway1")
WARM_UP = 0.2  # of the time: caches fill
PARTS = 4  # of the rest: the last is compared with the first
GROWTH_PERCENT, FILES_MAX = 5, 0  # the bars
WIPED, BACK_S = "core4", 600


class Sample(NamedTuple):
    """Of a service with its children."""

    memory_bytes: int
    files: int


class Soak:
    """`rate`: payments a second. `samples`: of the services that are not killed."""

    def __init__(self, running: WholeDeployment, rate: float) -> None:
        self._running = running
        self._rate = rate
        self._began = time.monotonic()
        self._hashes: dict[Hash, float] = {}  # seconds after the beginning at which each was signed
        self.samples: dict[str, list[Sample]] = {name: [] for name in WATCHED}

    def run(self, minutes: int) -> None:
        """Raises where something was lost, or made twice, or differs."""
        is_over = threading.Event()
        lost: list[Exception] = []
        producing = threading.Thread(target=self._produce, args=(is_over, lost))
        producing.start()
        victims = itertools.cycle(VICTIMS)
        try:
            for minute in range(1, minutes + 1):
                self._watch(MINUTE_S)
                if minute < minutes:
                    self._running.kill(next(victims))
                used = {name: some[-1].memory_bytes >> 20 for name, some in self.samples.items()}
                shown = ", ".join(f"{name} {mebibytes} MiB" for name, mebibytes in used.items())
                tell(f"soak: minute {minute} of {minutes}, {len(self._hashes):,} payments; {shown}")
        finally:
            is_over.set()
            producing.join()
        if lost:
            raise lost[0]
        try:
            self._running.check(self._hashes)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self._describe_lost()}") from error

    def _describe_lost(self) -> str:
        """When what is in no ledger of a node was signed."""
        found = []
        for core, reader in self._running.readers.items():
            lost = [at for name, at in self._hashes.items() if name not in reader.counts]
            if lost:
                found.append(
                    f"{core} lacks what was signed {min(lost):.1f} to {max(lost):.1f} s on"
                )
        return ", ".join(found)

    def _produce(self, is_over: threading.Event, lost: list[Exception]) -> None:
        try:
            self._running.workload.produce(self._sign(is_over), self._rate)
        except Exception as error:  # told by the thread that waits for this one
            lost.append(error)

    def _sign(self, is_over: threading.Event) -> Iterator[bytes]:
        """Signed as they are needed, for none lives as long as a soak."""
        load = self._running.workload
        load.life_ms = LIFE_MS
        while not is_over.is_set():
            signed = make_payments(load, NAMES, len(NAMES), has_references=False)
            for transaction_hash, envelope in signed:
                self._hashes[transaction_hash] = time.monotonic() - self._began
                yield envelope

    def _watch(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at:
            for name, samples in self.samples.items():
                samples.append(_take_sample(self._running.get_process_id(name)))
            time.sleep(SAMPLE_S)

    def wipe(self) -> Figure:
        """Of the seconds until it is with the others again, after all these payments."""
        self._running.stop(WIPED)
        self._running.wipe(WIPED)
        status = self._running.get_node_status("core1") or {}
        began = time.monotonic()
        self._running.start(WIPED)
        if not wait_until(lambda: self._running.is_back(WIPED, status["sequence"]), BACK_S):
            raise TimeoutError(f"{WIPED} does not come back: {self._running.get_statuses()}")
        seconds, payments = time.monotonic() - began, len(self._hashes)
        tell(f"soak: a wiped node is back after {seconds:.0f} s and {payments:,} payments")
        return Figure("wiped_s", seconds, "s", "payments before", payments)

    def judge(self) -> list[Figure]:
        """The most that one of them has grown, in per cent and in open files."""
        grown = {name: _compute_growth(samples) for name, samples in self.samples.items()}
        for name, (percent, more) in grown.items():
            tell(f"soak: {name} has grown by {percent:.1f} % and {more} open files")
        files = max([each for _, each in grown.values()])
        return [
            judge("soak_growth", max([each for each, _ in grown.values()]), "%", GROWTH_PERCENT),
            Figure("soak_files", files, "open files more", "none", files),
        ]


def _take_sample(process_id: int) -> Sample:
    service = psutil.Process(process_id)
    everything = [service, *service.children(recursive=True)]
    memory_bytes = files = 0
    for each in everything:
        with contextlib.suppress(psutil.NoSuchProcess):  # a child that ends meanwhile
            memory_bytes += each.memory_full_info().pss
            files += each.num_fds()
    return Sample(memory_bytes, files)


def _compute_growth(samples: list[Sample]) -> tuple[float, int]:
    warm = samples[int(len(samples) * WARM_UP) :]
    part = len(warm) // PARTS
    first, last = warm[:part], warm[-part:]
    before, after = (statistics.median([e.memory_bytes for e in some]) for some in (first, last))
    files = max([each.files for each in last]) - max([each.files for each in first])
    return (after / before - 1) * 100, max(files, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a network for long, and kill parts of it.")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--output", type=Path, default=Path("bench.jsonl"))
    given = parser.parse_args()
    with start_whole_deployment("horizon") as running:
        load = Load(running.running, NAMES, network.CORES)
        rate = load.run(load.sign(len(NAMES) * 10)).rate
        capacity = load.run(load.sign(int(rate * MEASURED_S))).rate
        tell(f"soak: {capacity:,.0f} payments/s can be closed; {capacity * SHARE:,.0f} are offered")
        soak = Soak(running, capacity * SHARE)
        soak.run(given.minutes)
        growth, files = soak.judge()
        figures = [growth, files, soak.wipe()]
    write(figures, given.output)
    sys.exit(1 if growth.value > GROWTH_PERCENT or files.value > FILES_MAX else 0)


if __name__ == "__main__":
    main()
