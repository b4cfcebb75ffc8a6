"""One run from its seed to its report: `python -m tests.simulation.run --seed 7`."""

import argparse
import logging
import sys
from dataclasses import dataclass, replace
from typing import Any

import structlog

from streams.herder.catch_up import close_again
from tests.simulation.beginning import FLAT_7, ORGANISATIONS, make_beginning
from tests.simulation.byzantine import BEHAVIOURS
from tests.simulation.checks import Broken, check_chain
from tests.simulation.faults import Faults, Plan
from tests.simulation.node import NEWEST_RELEASE
from tests.simulation.workload import Fate
from tests.simulation.world import World

CHAOS_MS, CHAOS_MAX_MS, HEALING_MAX_MS = 12_000, 300_000, 60_000
KEPT = 3  # ledgers, by nodes that have archived more
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


def make_plan(seed: int, ledgers: int = 8) -> Plan:
    """The kinds of runs take turns, and in them the ways to lie."""
    plan, kind, turn = Plan(seed, ledgers=ledgers), seed % len(KINDS), seed // len(KINDS)
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
    {"is_slow": True, "is_mixed": True},
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
    world = World(plan.seed, beginning, keys, KEPT)
    faults = Faults(world, plan)
    faults.begin()
    world.run_for(CHAOS_MS)
    due = beginning.position.sequence + plan.ledgers
    world.run_for(CHAOS_MAX_MS, lambda: world.get_sequence() >= due)
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
        if node.herder is not None and len(node.herder.intake.queue) > len(world.workload.offers):
            raise Broken(f"{node.name} holds more than was ever offered")
    _check_replay(world)
    never = {o.envelope_hash for o in world.workload.offers if o.fate is Fate.NEVER}
    closed = never & world.checks.closed_envelopes
    if closed:
        raise Broken(f"{len(closed)} envelopes were closed that nobody may close")


def _check_replay(world: World) -> None:
    """Whoever closes the archives' ledgers again from the genesis comes to the same headers."""
    ledger = world.beginning.genesis.copy().load_ledger()
    ledger.state.version_max = NEWEST_RELEASE
    history = world.honest[0].archiving.open_history(world.beginning.genesis_position)
    for verified in history.read_on(history.find_newest()):
        quorum_set = ledger.state.get_validators().quorum_set
        closed = close_again(ledger, quorum_set, verified.record)
        if closed.header_hash != world.checks.headers[closed.header.sequence]:
            raise Broken(f"archives have another ledger {closed.header.sequence}")


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


def get_command(seed: int, ledgers: int = 8) -> str:
    return f"make simulate SEED={seed}" + ("" if ledgers == 8 else f" LEDGERS={ledgers}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Runs one simulated network, or more of them.")
    parser.add_argument("--seed", type=int, default=1, help="the run, or the first of them")
    parser.add_argument("--seeds", type=int, default=1, help="how many runs")
    parser.add_argument("--ledgers", type=int, default=8, help="the least of each")
    parser.add_argument("--hash-only", action="store_true", help="print only the trace's hash")
    given = parser.parse_args(arguments)
    silence()
    if given.hash_only:
        print(simulate(make_plan(given.seed, given.ledgers)).trace_hash)  # noqa: T201
        return 0
    for seed in range(given.seed, given.seed + given.seeds):
        print(describe(simulate(make_plan(seed, given.ledgers))), flush=True)  # noqa: T201
    return 0


def silence() -> None:
    """What nodes log of archives that are away is expected here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
