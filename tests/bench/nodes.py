"""What core nodes do: payments a second of four and of one, and what happens beyond their capacity.

A pre-signed file of payments of many signers is produced to the ingest topic; no Horizon runs.
"""

from statistics import median

from infra.local import network
from infra.local.table import TABLE
from schemas.generated.common import LimitKind
from tests.bench.figures import Calibration, Figure, tell
from tests.bench.load import NODE_KINDS, Load, cpu_used
from tests.support.deployments import make_one_node_table, start_deployment
from tests.support.network import put_limit, set_fee
from tests.support.workload import ASSET

NAMES = [f"payer {number}" for number in range(2_000)]
RUNS = 3
FEE_MAX = 2
WARM_UP = 10_000
OFFERED = (0.5, 0.7, 0.85, 1.0, 1.5, 3.0)  # shares of the measured capacity
OFFERED_S = 12


def measure_four_nodes(calibration: Calibration, seconds: float) -> list[Figure]:
    """As much as they can do, for `seconds` each run, until the slowest; then other offers."""
    with start_deployment(TABLE, "core") as running:
        load = Load(running, NAMES, network.CORES)
        calibration.measure()
        rate = load.run(load.sign(WARM_UP)).rate
        rates: list[float] = []
        nodes_ms: list[float] = []
        all_ms: list[float] = []
        used: list[dict[str, float]] = []
        for number in range(RUNS):
            signed = load.sign(int(rate * seconds))
            calibration.measure()
            with cpu_used(running, used):
                done = load.run(signed)
            rates.append(done.rate)
            each_ms = {kind: s / done.payments * 1_000 for kind, s in used[-1].items()}
            nodes_ms.append(sum(each_ms[kind] for kind in NODE_KINDS))
            all_ms.append(sum(each_ms.values()))
            tell(
                f"four nodes, run {number + 1} of {RUNS}: {done.rate:,.0f} payments/s"
                f" over {done.closed_s:.0f} s, {nodes_ms[-1]:.2f} ms of processor a payment,"
                f" {all_ms[-1]:.2f} with Kafka and PostgreSQL"
            )
            rate = max(rates)
        capacity = median(rates)
        return [
            calibration.judge_rate("four_nodes_tps", capacity, "payments/s"),
            calibration.judge_ms("cpu_ms_per_tx", median(nodes_ms), "ms, all nodes"),
            calibration.judge_ms("cpu_all_ms_per_tx", median(all_ms), "ms, Kafka, PostgreSQL too"),
            *_measure_offers(load, capacity),
        ]


def _measure_offers(load: Load, capacity: float) -> list[Figure]:
    """The first offered rate that is not kept up with, and what closes when far too much comes."""
    degrades, rate = capacity * OFFERED[-1], 0.0
    for share in OFFERED:
        offered = capacity * share
        done = load.run(load.sign(int(offered * OFFERED_S)), offered)
        kept = "kept up with" if done.is_sustained else "too much"
        tell(f"four nodes, {offered:,.0f} payments/s offered: {done.rate:,.0f} closed, {kept}")
        if not done.is_sustained:
            degrades = min(degrades, offered)
        rate = done.rate
    return [
        Figure("degrades_at_tps", degrades, "payments/s", "four_nodes_tps", degrades / capacity),
        Figure("overload_tps", rate, "payments/s", "four_nodes_tps", rate / capacity),
    ]


def measure_one_node(calibration: Calibration, seconds: float) -> list[Figure]:
    """A network of a single validator: what agreeing costs is left out."""
    with start_deployment(make_one_node_table(), "core") as running:
        load = Load(running, NAMES, ("core1",))
        rate = load.run(load.sign(WARM_UP)).rate
        rates = []
        for number in range(RUNS):
            calibration.measure()
            done = load.run(load.sign(int(rate * seconds)))
            tell(f"one node, run {number + 1} of {RUNS}: {done.rate:,.0f} payments/s")
            rates.append(done.rate)
            rate = max(rates)
        return [calibration.judge_rate("one_node_tps", median(rates), "payments/s")]


def measure_money(calibration: Calibration, seconds: float) -> list[Figure]:
    """Payments with both fees, then with a limit too, beside plain ones in the same deployment."""
    with start_deployment(TABLE, "core") as running:
        load = Load(running, NAMES, network.CORES)
        rate = load.run(load.sign(WARM_UP)).rate
        figures: list[Figure] = []
        plain = (0.0, 0.0)
        for name, bodies, fee_max in (
            ("plain", (), None),
            ("fees", (set_fee(ASSET, 1, 1, 100), set_fee(ASSET, 2, 1, 100)), FEE_MAX),
            ("limits", (put_limit(LimitKind.SPEND, ASSET, 10**20),), FEE_MAX),
        ):
            if bodies:
                load.configure(*bodies)
            runs, used = [], list[dict[str, float]]()
            for _ in range(RUNS):
                signed = load.sign(int(rate * seconds), fee_max)
                calibration.measure()
                with cpu_used(running, used):
                    runs.append(load.run(signed))
            tps = median(run.rate for run in runs)
            cpu_ms = median(
                sum(each[kind] for kind in NODE_KINDS) / run.payments * 1_000
                for run, each in zip(runs, used, strict=True)
            )
            plain = (tps, cpu_ms) if name == "plain" else plain
            tell(f"four nodes, {name}: {tps:,.0f} payments/s, {cpu_ms:.2f} ms a payment")
            figures += [
                Figure(f"money_{name}_tps", tps, "payments/s", "money_plain_tps", tps / plain[0]),
                Figure(
                    f"money_{name}_cpu_ms", cpu_ms, "ms", "money_plain_cpu_ms", cpu_ms / plain[1]
                ),
            ]
        return figures
