"""What a measurement says: a value beside what the machine itself can do, and where it is written.

Knows no server. Machines differ and are busy, so every figure has a ratio taken in the same run.
"""

import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nacl.signing import SigningKey

from streams.ledger.signatures import is_valid_signature

CALIBRATION = "calibration_verify_per_s"


class Figure(NamedTuple):
    """`ratio`: of `value` to the figure, or the fixed bar, that `ratio_to` names."""

    name: str
    value: float
    unit: str
    ratio_to: str
    ratio: float


class Calibration:
    """Ed25519 verifications a second, one core: what this machine can do while it is measured."""

    def __init__(self) -> None:
        self.rates: list[float] = []

    def measure(self) -> None:
        """Half a second of verifications. To be called between measurements."""
        key = SigningKey(bytes(32))
        public, message = bytes(key.verify_key), bytes(32)
        signature = key.sign(message).signature
        for _ in range(5):
            began, count = time.perf_counter(), 0
            while time.perf_counter() - began < 0.1:
                for _ in range(100):
                    is_valid_signature(public, message, signature)
                count += 100
            self.rates.append(count / (time.perf_counter() - began))

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def get_figure(self) -> Figure:
        return Figure(CALIBRATION, self.rate, "verifications/s", CALIBRATION, 1.0)

    def judge_rate(self, name: str, value: float, unit: str) -> Figure:
        """Something a second, as a share of verifications a second."""
        return Figure(name, value, unit, CALIBRATION, value / self.rate)

    def judge_ms(self, name: str, value: float, unit: str = "ms") -> Figure:
        """Milliseconds, as how many verifications one core does in that time."""
        return Figure(name, value, unit, f"ms of {CALIBRATION}", value / 1_000 * self.rate)


def judge(name: str, value: float, unit: str, bar: float) -> Figure:
    """Something whose bar does not depend on the machine's speed."""
    return Figure(name, value, unit, f"the bar, {bar:g} {unit}", value / bar)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Prints the figures and appends each as one JSON line."""
    with path.open("a") as file:
        for each in figures:
            text = f"{each.name:<26} {each.value:12,.2f} {each.unit:<24}"
            sys.stdout.write(f"{text} {each.ratio:10.4f} of {each.ratio_to}\n")
            rounded = each._replace(value=round(each.value, 3), ratio=round(each.ratio, 6))
            file.write(json.dumps(rounded._asdict()) + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()
