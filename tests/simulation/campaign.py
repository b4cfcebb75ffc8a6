"""Many simulated runs on all cores: `make simulate-pr`, `simulate-ci` and `simulate-release`.

Prints progress and an ETA. With `--progress FILE` it goes on where it was stopped. A run that fails
ends the campaign with one line: the command that repeats it, and the revision. So does a kind of
fault that never happened, once the seeds are enough for all of them.
"""

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from tests.simulation.byzantine import BEHAVIOURS
from tests.simulation.run import KINDS, get_command, make_plan, silence, simulate

REPORT_S = 10.0
KINDS_OF_FAULTS = (
    *BEHAVIOURS,
    "lost",
    "duplicated",
    "corrupted",
    "cut",
    "crashes",
    "slowed",
    "clock jumped",
    "votes",
    "renewed",
    "stopped by an old release",
    "wiped",
    "disk damaged",
    "damage found",
    "archive away",
    "archive damaged",
    "archive worker killed",
    "snapshots installed",
    "read from archives",
)
SEEDS_FOR_ALL = 2 * len(KINDS) * len(BEHAVIOURS)


class Result(NamedTuple):
    seed: int
    ledgers: int
    milliseconds: float
    counts: dict[str, int]
    failure: str | None


@dataclass
class Progress:
    """What was done. `next_seed`: all before it are."""

    first_seed: int
    next_seed: int
    ledgers: int = 0
    milliseconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        self.next_seed = result.seed + 1
        self.ledgers += result.ledgers
        self.milliseconds += result.milliseconds
        self.counts = dict(Counter(self.counts) + Counter(result.counts))

    def write(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = path.with_suffix(".new")
            whole.write_text(json.dumps(asdict(self)))
            whole.replace(path)


def run_one(seed: int, ledgers: int) -> Result:
    silence()
    began = time.process_time()
    try:
        report = simulate(make_plan(seed, ledgers))
    except Exception as error:
        return Result(seed, 0, 0.0, {}, f"{type(error).__name__}: {error}")
    spent = (time.process_time() - began) * 1_000
    return Result(seed, report.ledgers, spent, report.counts, None)


def run_all(first: int, count: int, ledgers: int, processes: int) -> Iterator[Result]:
    """In the order of the seeds; few are begun ahead."""
    with ProcessPoolExecutor(processes) as pool:
        seeds = iter(range(first, first + count))
        coming = [pool.submit(run_one, each, ledgers) for each in islice(seeds, 4 * processes)]
        while coming:
            yield coming.pop(0).result()
            coming += [pool.submit(run_one, each, ledgers) for each in islice(seeds, 1)]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def read_progress(path: Path | None, first: int) -> Progress:
    if path is None or not path.exists():
        return Progress(first, first)
    return Progress(**json.loads(path.read_text()))


def get_revision() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Runs many simulated networks.")
    parser.add_argument("--first", type=int, default=0, help="the first seed of this shard")
    parser.add_argument("--seeds", type=int, default=64, help="how many")
    parser.add_argument("--ledgers", type=int, default=8, help="the least of each run")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=0, help="stop after these; 0: never")
    parser.add_argument("--progress", type=Path, help="a file to go on from")
    given = parser.parse_args(arguments)
    progress = read_progress(given.progress, given.first)
    last = progress.first_seed + given.seeds
    began = told = time.monotonic()
    started_at = progress.next_seed
    for result in run_all(started_at, last - started_at, given.ledgers, given.processes):
        if result.failure is not None:
            say(f"seed {result.seed} FAILED: {result.failure}")
            say(f"again: {get_command(result.seed, given.ledgers)} (revision {get_revision()})")
            return 1
        progress.add(result)
        now = time.monotonic()
        if now - told >= REPORT_S:
            told = now
            left_s = (now - began) / (progress.next_seed - started_at) * (last - progress.next_seed)
            say(f"{progress.next_seed} of {last} seeds, {left_s:.0f} s left")
            progress.write(given.progress)
        if given.minutes and now - began > given.minutes * 60:
            break
    progress.write(given.progress)
    return tell(progress)


def tell(progress: Progress) -> int:
    seeds = progress.next_seed - progress.first_seed
    say(
        f"{seeds} runs, {progress.ledgers} ledgers, "
        f"{progress.milliseconds / max(progress.ledgers, 1):.1f} ms of processor time a ledger"
    )
    for kind in KINDS_OF_FAULTS:
        say(f"  {kind:<24}{progress.counts.get(kind, 0):>10,}")
    missing = [kind for kind in KINDS_OF_FAULTS if not progress.counts.get(kind)]
    if missing and seeds >= SEEDS_FOR_ALL:
        say(f"never happened: {', '.join(missing)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
