"""What a paced load gets: the highest offer that four nodes keep up with, and visibility at half.

A file produced at once fills every ledger; people do not come that way. Small ledgers cost as much
beside their transactions as full ones.
"""

import statistics

from infra.local import network
from infra.local.table import TABLE
from tests.bench.figures import Calibration, Figure, tell
from tests.bench.horizon import measure_visibility, wait_until_level
from tests.bench.load import NODE_KINDS, Load, cpu_used, get_node_status
from tests.bench.nodes import NAMES, WARM_UP
from tests.support.deployments import start_deployment

UNPACED_S = 20
OFFERED_S = 30
LAG_MAX_S = 1.0
SHARES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4)  # of the unpaced rate, until one is kept
VISIBLE_S = 20


def measure_paced(calibration: Calibration) -> list[Figure]:
    with start_deployment(TABLE, "core") as running:
        load = Load(running, NAMES, network.CORES)
        calibration.measure()
        rate = load.run(load.sign(WARM_UP)).rate
        unpaced = load.run(load.sign(int(rate * UNPACED_S))).rate
        tell(f"a file produced at once: {unpaced:,.0f} payments/s")
        paced = _find_paced(load, unpaced)
        half_ms, ledgers = _measure_half(load, paced / 2)
    with start_deployment(TABLE, "all") as running:
        load = Load(running, NAMES, network.CORES)
        wait_until_level(running)
        calibration.measure()
        cuts = statistics.quantiles(measure_visibility(load, paced / 2, VISIBLE_S), n=100)
        tell(f"visible after {cuts[49]:.0f} ms (median) at {paced / 2:,.0f} payments/s")
    return [
        Figure("paced_tps", paced, "payments/s", "a file produced at once", paced / unpaced),
        calibration.judge_ms("paced_half_cpu_ms_per_tx", half_ms, "ms, all nodes"),
        Figure("paced_half_ledgers", ledgers, "ledgers/s", "1", ledgers),
        calibration.judge_ms("visible_ms", cuts[49]),
    ]


def _find_paced(load: Load, unpaced: float) -> float:
    """The highest of the offers that closes, the last of it within a second; 0 if none does."""
    for share in SHARES:
        offered = unpaced * share
        done = load.run(load.sign(int(offered * OFFERED_S)), offered)
        lag_s = done.closed_s - done.offered_s
        tell(f"{offered:,.0f} payments/s offered for {OFFERED_S} s: closed {lag_s:.1f} s later")
        if lag_s <= LAG_MAX_S:
            return offered
    return 0.0


def _measure_half(load: Load, rate: float) -> tuple[float, float]:
    """Milliseconds of the nodes' processor a payment, and ledgers a second, at that rate."""
    signed = load.sign(int(rate * OFFERED_S))
    used: list[dict[str, float]] = []
    before = _get_sequence(load)
    with cpu_used(load.running, used):
        done = load.run(signed, rate)
    spent_ms = sum(used[0].get(kind, 0.0) for kind in NODE_KINDS) / done.payments * 1_000
    ledgers = (_get_sequence(load) - before) / done.closed_s
    tell(f"at {rate:,.0f} payments/s: {ledgers:.1f} ledgers/s, {spent_ms:.2f} ms a payment")
    return spent_ms, ledgers


def _get_sequence(load: Load) -> int:
    status = get_node_status(load.running, load.nodes[0])
    if status is None:
        raise RuntimeError(f"{load.nodes[0]} does not say where it is")
    return int(status["sequence"])
