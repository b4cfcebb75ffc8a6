"""`make mutants`: plants known defects one at a time and sees whether the tests notice.

Each is planted in a copy of the working tree. A defect that no test notices is told with its name;
with less than 95 % noticed it fails.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.planted import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]
KILLED_MIN = 0.95
SECONDS_MAX = 600.0


def copy_tree(folder: Path) -> None:
    """What is tracked, as it is now."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)


def plant(mutant: Mutant, folder: Path) -> None:
    """Raises ValueError unless the text stands there once."""
    file = folder / mutant.file
    text = file.read_text()
    if (count := text.count(mutant.old)) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has the text {count} times")
    file.write_text(text.replace(mutant.old, mutant.new))


def is_noticed(tests: Sequence[str], folder: Path) -> bool:
    """Whether a test fails, or does not end."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            [*command, "-m", "not servers"],
            cwd=folder,
            capture_output=True,
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return True
    if done.returncode not in (0, 1, 2):  # passed, failed, did not even begin
        raise RuntimeError(done.stdout.decode()[-2_000:])
    return done.returncode != 0


def judge(mutant: Mutant) -> tuple[Mutant, bool, float]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tokend-mutant-") as name:
        folder = Path(name)
        copy_tree(folder)
        plant(mutant, folder)
        return mutant, is_noticed(mutant.tests, folder), time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description="Plants known defects; the tests must notice.")
    parser.add_argument("--only", help="those whose name contains this")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    chosen = [each for each in MUTANTS if not given.only or given.only in each.name]
    survivors, began = [], time.monotonic()
    with ThreadPoolExecutor(given.processes) as pool:
        for number, (mutant, noticed, seconds) in enumerate(pool.map(judge, chosen), 1):
            left_s = (time.monotonic() - began) / number * (len(chosen) - number)
            what = f"{'noticed' if noticed else 'NOT NOTICED'} in {seconds:.0f} s"
            say(f"{number}/{len(chosen)} {what}: {mutant.name} ({left_s:.0f} s left)")
            if not noticed:
                survivors.append(mutant.name)
    share = 1 - len(survivors) / max(len(chosen), 1)
    say(f"{share:.0%} of {len(chosen)} defects were noticed")
    return 0 if share >= KILLED_MIN else 1


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
