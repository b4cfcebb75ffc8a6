"""`make bench`: what tokend does on this machine, as medians beside what the machine can do.

Every figure is printed, and appended to bench.jsonl as {"name", "value", "unit", "ratio_to",
"ratio"}. Floors that were set for a machine of 20,000 verifications a second scale with
calibration_verify_per_s.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from tests.bench.archive import measure_archive, measure_minimal
from tests.bench.closing import measure_closing
from tests.bench.deposits import measure_deposits
from tests.bench.figures import Calibration, Figure, tell, write
from tests.bench.footprint import measure_footprint
from tests.bench.horizon import measure_horizon
from tests.bench.nodes import measure_four_nodes, measure_money, measure_one_node
from tests.bench.notifications import measure_notifications
from tests.bench.paced import measure_paced
from tests.bench.reads import measure_reads
from tests.bench.rejoin import measure_rejoin
from tests.bench.state import measure_state
from tests.bench.unlock import measure_unlock

SECONDS, ONE_NODE_SECONDS, LOGGED = 60, 20, 40_000
RUNS = 3

Measurement = Callable[[Calibration, argparse.Namespace], list[Figure]]
MEASUREMENTS: dict[str, Measurement] = {
    "nodes": lambda calibration, given: measure_four_nodes(calibration, given.seconds),
    "money": lambda calibration, given: measure_money(calibration, given.seconds / RUNS),
    "paced": lambda calibration, _: measure_paced(calibration),
    "one-node": lambda calibration, _: measure_one_node(calibration, ONE_NODE_SECONDS),
    "horizon": lambda calibration, given: measure_horizon(calibration, given.logged),
    "deposits": lambda calibration, _: measure_deposits(calibration),
    "notifications": lambda calibration, _: measure_notifications(calibration),
    "unlock": lambda calibration, _: measure_unlock(calibration),
    "reads": lambda calibration, _: measure_reads(calibration),
    "archive": lambda calibration, _: measure_archive(calibration),
    "minimal": lambda _, __: measure_minimal(),
    "rejoin": lambda _, __: measure_rejoin(),
    "footprint": lambda _, __: measure_footprint(),
    "closing": lambda _, __: measure_closing(),
    "state": lambda _, __: measure_state(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure tokend on this machine.")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="may be repeated")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="a run of four_nodes_tps")
    parser.add_argument("--logged", type=int, default=LOGGED, help="payments that are replayed")
    parser.add_argument("--output", type=Path, default=Path("bench.jsonl"))
    given = parser.parse_args()
    names = given.only or list(MEASUREMENTS)
    calibration, figures = Calibration(), list[Figure]()
    calibration.measure()
    began = time.monotonic()
    for number, name in enumerate(names, 1):
        passed = time.monotonic() - began
        tell(f"{name} ({number} of {len(names)}, {passed:.0f} s so far)")
        figures += MEASUREMENTS[name](calibration, given)
    write([calibration.get_figure(), *figures], given.output)


if __name__ == "__main__":
    main()
