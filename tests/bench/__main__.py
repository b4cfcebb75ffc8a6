"""`make bench`: what a set does on this machine, as medians, beside what the machine can do.

Every figure is printed and appended to bench.jsonl as {"name", "value", "unit", "ratio_to",
"ratio"}; the ratio is to the Ed25519 verifications one core does a second, measured in the same
run, so that figures of different machines can be held side by side.
"""

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from nacl.signing import SigningKey

from gateways.client.horizon import HorizonClient
from processors.horizon import replay
from processors.horizon.config import HorizonSettings
from schemas.codec import decode, unframe
from schemas.generated.ledger import LedgerHeader, LedgerRecord
from schemas.settings import load_config
from streams.ledger.signatures import is_valid_signature
from tests.support.whole_set import WholeSet, start_whole_set
from tests.support.workload import Follower, make_economy, make_payments

NAMES = [f"payer {number}" for number in range(1_000)]
RUNS = 3
CALIBRATION = "calibration_verify_per_s"
VISIBLE_RATE, VISIBLE_S = 50, 20
Figure = tuple[str, float, str]


def measure_calibration() -> float:
    """Verifications a second, one core, the median of five tenths of a second."""
    key = SigningKey(bytes(32))
    public, message = bytes(key.verify_key), bytes(32)
    signature = key.sign(message).signature
    rates = []
    for _ in range(5):
        began, count = time.perf_counter(), 0
        while time.perf_counter() - began < 0.1:
            for _ in range(100):
                is_valid_signature(public, message, signature)
            count += 100
        rates.append(count / (time.perf_counter() - began))
    return statistics.median(rates)


def measure_four_nodes(payments: int) -> list[Figure]:
    """Pre-signed payments of distinct signers, offered all at once; until the slowest node."""
    rates, costs = [], []
    with start_whole_set("core") as running:
        load = running.workload
        make_economy(load, NAMES, Follower.open(load.kafka, "core1"))
        for _ in range(RUNS):
            signed = [envelope for _, envelope in make_payments(load, NAMES, payments)]
            follower = Follower.open(load.kafka, "core1")
            before, began = _get_cpu_s(running), time.perf_counter()
            producing = threading.Thread(target=load.produce, args=(signed,))
            producing.start()
            _wait_for_count(follower, payments)
            running.wait_until_level()
            rates.append(payments / (time.perf_counter() - began))
            costs.append((_get_cpu_s(running) - before) / payments * 1_000)
            producing.join()
    return [
        ("four_nodes_tps", statistics.median(rates), "payments/s"),
        ("cpu_ms_per_tx", statistics.median(costs), "ms, all processes"),
    ]


def measure_horizon(payments: int) -> list[Figure]:
    """Replay of a log of payments; and from the ingest topic to a Horizon stream."""
    with start_whole_set("all") as running:
        load = running.workload
        make_economy(load, NAMES, Follower.open(load.kafka, "core1"))
        latencies = _measure_visibility(running)
        follower = Follower.open(load.kafka, "core1")
        signed = [envelope for _, envelope in make_payments(load, NAMES, payments)]
        load.produce(signed)
        _wait_for_count(follower, payments)
        last = running.wait_until_level()
        running.check_views("1", last)
        file = running.running.place.get_settings_file("horizon1")
        settings = load_config(HorizonSettings, file, {})
        rates = []
        for _ in range(RUNS):
            outcome = replay.run(settings)
            rates.append(outcome.transactions / outcome.seconds)
    cuts = statistics.quantiles(latencies, n=100)
    return [
        ("replay_tps", statistics.median(rates), "transactions/s"),
        ("visible_p50_ms", cuts[49], "ms"),
        ("visible_p99_ms", cuts[98], "ms"),
    ]


def _measure_visibility(running: WholeSet) -> list[float]:
    """Milliseconds from producing a payment to its event on the gateway's stream."""
    load = running.workload
    signed = make_payments(load, NAMES, VISIBLE_RATE * VISIBLE_S)
    ours = {transaction_hash.hex() for transaction_hash, _ in signed}
    seen: dict[str, float] = {}
    sent: dict[str, float] = {}

    def follow() -> None:
        url = running.running.place.get_url("gateway1.http")
        with HorizonClient(url, load.get_master()) as client:
            for _, resource in client.stream("/v3/transactions"):
                if resource["id"] in ours:  # the economy's own may still come
                    seen[resource["id"]] = time.perf_counter()
                if len(seen) == len(ours):
                    return

    following = threading.Thread(target=follow, daemon=True)
    following.start()
    time.sleep(2)

    def note_sent() -> Any:
        for transaction_hash, envelope in signed:
            sent[transaction_hash.hex()] = time.perf_counter()
            yield envelope

    load.produce(note_sent(), VISIBLE_RATE)
    following.join(30)
    missing = sent.keys() - seen.keys()
    if missing:
        raise RuntimeError(f"{len(missing)} payments never became visible")
    return [(seen[each] - sent[each]) * 1_000 for each in sent]


def _wait_for_count(follower: Follower, count: int) -> None:
    """Counts by headers alone: reading bodies would take the machine from the nodes."""
    while count > 0:
        message = follower.consumer.poll(60)
        if message is None:
            raise TimeoutError(f"{count} payments are not closed")
        record = unframe(LedgerRecord, message.value() or b"")
        count -= decode(LedgerHeader, record.header).transaction_count


def _get_cpu_s(running: WholeSet) -> float:
    """Of the supervisor and all below it: Kafka and PostgreSQL included."""
    supervisor = psutil.Process(running.running.supervisor.pid)
    total = 0.0
    for process in (supervisor, *supervisor.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def write(figures: Sequence[Figure], calibration: float, path: Path) -> None:
    with path.open("a") as file:
        for name, value, unit in [(CALIBRATION, calibration, "verifications/s"), *figures]:
            ratio = value / calibration
            sys.stdout.write(f"{name:<26} {value:12,.2f} {unit:<20} {ratio:.6f} of calibration\n")
            figure = {
                "name": name,
                "value": round(value, 3),
                "unit": unit,
                "ratio_to": CALIBRATION,
                "ratio": round(ratio, 6),
            }
            file.write(json.dumps(figure) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a set of services on this machine.")
    parser.add_argument("--payments", type=int, default=40_000, help="a run of four_nodes_tps")
    parser.add_argument("--logged", type=int, default=20_000, help="in the log that is replayed")
    parser.add_argument("--output", type=Path, default=Path("bench.jsonl"))
    given = parser.parse_args()
    calibration = measure_calibration()
    figures = measure_four_nodes(given.payments) + measure_horizon(given.logged)
    write(figures, calibration, given.output)


if __name__ == "__main__":
    main()
