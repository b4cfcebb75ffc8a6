"""One run from its seed to its report: `python -m tests.simulation.run --seed 7`."""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

from tests.simulation.beginning import FLAT_7, ORGANISATIONS, make_beginning
from tests.simulation.byzantine import BEHAVIOURS
from tests.simulation.checks import Broken, check_chain
from tests.simulation.faults import Faults, Plan
from tests.simulation.workload import Fate
from tests.simulation.world import World

HEALING_MAX_MS = 60_000
SETTLED_LEDGERS = 3


@dataclass(slots=True, frozen=True)
class Report:
    """What a run did. Times are virtual, from the moment all was mended."""

    plan: Plan
    trace_hash: str
    ledgers: int
    transactions: int
    crashes: int
    first_close_ms: int
    level_ms: int
    counts: dict[str, int]


def make_plan(seed: int) -> Plan:
    """The kinds of runs take turns, and in them the ways to lie."""
    plan, kind, turn = Plan(seed), seed % len(KINDS), seed // len(KINDS)
    names = list(BEHAVIOURS)
    changes = KINDS[kind]
    if "liars" in changes:
        liars = tuple(names[(turn + 3 * each) % len(names)] for each in range(changes["liars"]))
        changes = {**changes, "liars": liars}
    return replace(plan, **changes)


KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"is_wiped": True},
    {"liars": 1},
    {"topology": FLAT_7},
    {"watchers": 1, "votes": True},
    {"has_twins": True},
    {"topology": FLAT_7, "has_twins": True},
    {"skew_max_ms": 30_000},
    {"topology": FLAT_7, "liars": 2},
    {"topology": ORGANISATIONS},
    {"is_slow": True},
    {"liars": 1, "votes": True},
    {"topology": ORGANISATIONS, "liars": 1, "watchers": 1},
    {"topology": FLAT_7, "is_wiped": True, "is_slow": True},
    {"is_wiped": True, "watchers": 1, "votes": True},
    {"liars": 1, "is_slow": True},
)


def simulate(plan: Plan) -> Report:
    """Raises `Broken`, or whatever a node raised, when the run shows a defect."""
    beginning = make_beginning(plan.validators, plan.topology)
    twins = (0,) if plan.has_twins else ()
    keys = (*range(plan.validators + plan.watchers), *twins)
    world = World(plan.seed, beginning, keys)
    faults = Faults(world, plan)
    faults.begin()
    world.run_for(plan.chaos_ms)
    sequence, healed_ms = world.get_sequence(), world.now_ms
    faults.end()
    if not world.run_for(HEALING_MAX_MS, lambda: world.get_sequence() > sequence):
        raise Broken(f"no ledger closed within {HEALING_MAX_MS} ms after all was mended")
    first_close_ms = world.now_ms - healed_ms
    if not world.run_for(HEALING_MAX_MS, lambda: _is_settled(world, sequence)):
        raise Broken(f"not settled: {_describe(world)}")
    level_ms = world.now_ms - healed_ms
    _check_end(world, plan)
    return Report(
        plan,
        world.get_trace_hash(),
        world.get_sequence() - beginning.position.sequence,
        len(world.checks.closed),
        world.counts.get("crashes", 0),
        first_close_ms,
        level_ms,
        {**world.counts, **world.links.counts},
    )


def _is_settled(world: World, sequence: int) -> bool:
    """Level, some ledgers on, all certified but the newest, and all that had to be closed is."""
    if world.get_sequence() < sequence + SETTLED_LEDGERS or not world.is_level():
        return False
    if any(node.disk.get_uncertified() for node in world.honest):
        return False
    return not _get_missing(world)


def _get_missing(world: World) -> list[str]:
    return [
        offer.envelope_hash.hex()
        for offer in world.workload.offers
        if offer.fate is Fate.CLOSED and offer.transaction_hash not in world.checks.closed
    ]


def _check_end(world: World, plan: Plan) -> None:
    position = make_beginning(plan.validators, plan.topology).position
    for node in world.honest:
        if node.disk.load_ledger().header.sequence != node.sequence:
            raise Broken(f"{node.name} cannot be loaded at its newest ledger")
        check_chain(node.name, node.disk, position, node.archiving.open_history)
    never = {o.envelope_hash for o in world.workload.offers if o.fate is Fate.NEVER}
    closed = never & world.checks.closed_envelopes
    if closed:
        raise Broken(f"{len(closed)} envelopes were closed that nobody may close")


def _describe(world: World) -> str:
    nodes = ", ".join(
        f"{node.name} at {node.sequence}{'' if node.herder else ' (down)'}" for node in world.nodes
    )
    lacking = {node.name: node.disk.get_uncertified() for node in world.honest}
    missing = len(_get_missing(world))
    return f"{nodes}; without certificate: {lacking}; {missing} transactions are missing"


def describe(report: Report) -> str:
    return (
        f"seed {report.plan.seed}: {describe_plan(report.plan)}, {report.ledgers} ledgers, "
        f"{report.transactions} transactions, {report.crashes} kills; after mending the next "
        f"ledger closed in {report.first_close_ms} ms, all level in {report.level_ms} ms; "
        f"trace {report.trace_hash[:16]}"
    )


def describe_plan(plan: Plan) -> str:
    parts = [f"{plan.validators} validators"]
    parts += ["a twin"] if plan.has_twins else []
    parts += [f"one {each}" for each in plan.liars]
    parts += [f"{plan.watchers} watcher"] if plan.watchers else []
    parts += ["one loses its disk"] if plan.is_wiped else []
    return ", ".join(parts)


def get_command(seed: int) -> str:
    return f"make simulate SEED={seed}"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Runs the simulator.")
    parser.add_argument("--seed", type=int, default=1, help="the run, or the first of them")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs")
    parser.add_argument("--hash-only", action="store_true", help="print only the trace's hash")
    given = parser.parse_args(arguments)
    if given.hash_only:
        print(simulate(make_plan(given.seed)).trace_hash)  # noqa: T201
        return 0
    started = time.monotonic()
    for seed in range(given.seed, given.seed + given.seeds):
        try:
            print(describe(simulate(make_plan(seed))), flush=True)  # noqa: T201
        except Exception as error:
            print(f"seed {seed} FAILED: {error!r}\n  again: {get_command(seed)}", flush=True)  # noqa: T201
            raise
    print(f"{given.seeds} runs in {time.monotonic() - started:.1f} s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
