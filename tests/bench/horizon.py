"""What Horizon does: how soon a payment is visible, and how fast the views are rebuilt."""

import statistics
import threading
import time
from collections.abc import Iterator

from gateways.client.horizon import HorizonClient
from infra.local import network
from infra.local.launch import RunningDeployment
from infra.local.table import TABLE
from processors.horizon import replay
from processors.horizon.config import HorizonSettings
from schemas.settings import load_config
from tests.bench.figures import Calibration, Figure, tell
from tests.bench.load import Load
from tests.bench.pipeline import measure_pipeline
from tests.support.deployments import start_deployment
from tests.support.workload import make_payments

NAMES = [f"payer {number}" for number in range(1_000)]
RUNS = 3
VISIBLE_RATE, VISIBLE_S = 50, 30
LEVEL_S = 60


def measure_horizon(calibration: Calibration, payments: int) -> list[Figure]:
    """`payments` are in the log that is replayed."""
    with start_deployment(TABLE, "all") as running:
        load = Load(running, NAMES, network.CORES)
        wait_until_level(running)
        calibration.measure()
        latencies = measure_visibility(load, VISIBLE_RATE, VISIBLE_S)
        cuts = statistics.quantiles(latencies, n=100)
        tell(f"visible after {cuts[49]:.0f} ms (median), {cuts[98]:.0f} ms (99 of 100)")
        load.run(load.sign(payments))
        wait_until_level(running)
        calibration.measure()
        settings = get_horizon_settings(running)
        rates, bare = [], []
        for number in range(RUNS):
            bare.append(measure_pipeline(settings))
            outcome = replay.run(settings)
            rates.append(outcome.transactions / outcome.seconds)
            tell(
                f"replay, run {number + 1} of {RUNS}: {rates[-1]:,.0f} transactions/s;"
                f" the bare pipeline {bare[-1]:,.0f}"
            )
    rate, bare_rate = statistics.median(rates), statistics.median(bare)
    return [
        calibration.judge_ms("visible_p50_ms", cuts[49]),
        calibration.judge_ms("visible_p99_ms", cuts[98]),
        calibration.judge_rate("replay_tps", rate, "transactions/s"),
        calibration.judge_rate("bare_pipeline_tps", bare_rate, "transactions/s"),
        Figure("replay_ratio", rate / bare_rate, "", "bare_pipeline_tps", rate / bare_rate),
    ]


def get_horizon_settings(running: RunningDeployment) -> HorizonSettings:
    return load_config(HorizonSettings, running.place.get_settings_file("horizon1"), {})


def wait_until_level(running: RunningDeployment) -> None:
    """Until Horizon has the newest ledger of its node: what comes then is counted, nothing else."""
    url = running.place.get_url("gateway1.http")
    deadline = time.monotonic() + LEVEL_S
    with HorizonClient(url) as client:
        while True:
            info = client.get("/v3/info")["data"]["attributes"]
            if info["core"] and int(info["core"]["sequence"]) == int(info["latest_ledger"]):
                return
            if time.monotonic() > deadline:
                raise TimeoutError("Horizon does not catch up with its node")
            time.sleep(0.1)


def measure_visibility(load: Load, rate: float, seconds: float) -> list[float]:
    """Milliseconds from producing a payment, `rate` a second, to its event on the gateway's
    stream."""
    signed = make_payments(load.target, load.names, int(rate * seconds))
    sent = dict.fromkeys((each.hex() for each, _ in signed), 0.0)
    seen: dict[str, float] = {}
    is_open = threading.Event()  # anything came: what is sent now is seen
    url = load.running.place.get_url("gateway1.http")

    def follow() -> None:
        with HorizonClient(url, load.target.get_master()) as client:
            for _, resource in client.stream("/v3/transactions"):
                is_open.set()
                if resource["id"] in sent:
                    seen[resource["id"]] = time.perf_counter()
                if len(seen) == len(sent):
                    return

    following = threading.Thread(target=follow, daemon=True)
    following.start()
    while not is_open.wait(0.5):
        load.target.produce(load.sign(1))

    def note_sent() -> Iterator[bytes]:
        for transaction_hash, envelope in signed:
            sent[transaction_hash.hex()] = time.perf_counter()
            yield envelope

    load.target.produce(note_sent(), rate)
    following.join(30)
    missing = sent.keys() - seen.keys()
    if missing:
        raise RuntimeError(f"{len(missing)} payments never became visible")
    return [(seen[each] - sent[each]) * 1_000 for each in sent]
