"""`make profile`: where the microseconds of a payment, and of a ledger, go in a core node.

A sampling profiler looks at core1 while four nodes close payments; each sample counts for the
outermost stage on its stack. The other processes of a node are measured by their processor time.
What a ledger costs whatever is in it is seen where each holds but one payment or two.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table

from infra.local import network
from infra.local.launch import RunningDeployment
from infra.local.table import TABLE
from tests.bench.figures import tell
from tests.bench.load import Load, cpu_used, get_node_status
from tests.bench.nodes import NAMES, WARM_UP
from tests.support.deployments import start_deployment

RATE = 250  # samples a second
SHARE_SHOWN = 0.004
FEW_RATE, FEW_S = 8, 20  # payments a second: a ledger each, or nearly

STAGES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ingest: take from Kafka", ("Ingest._open", "Ingest._poll")),
    ("open: decode and hash", ("validate_envelope",)),
    ("hand over to signature workers", ("make_job", "VerificationPool", "_Worker.")),
    ("admit: membership, queue", ("Intake.admit",)),
    ("choose a set", ("Intake.choose",)),
    ("know and validate sets", ("TransactionSets.",)),
    ("apply", ("_apply (",)),
    ("invariants", ("check_changes",)),
    ("state trie", ("compute_trie_changes", "update (streams/ledger/state_trie")),
    ("body, results, receipts, window", ("_seal", "_Outcome.add")),
    ("forget what is closed", ("Intake.note_closed", "Offsets.")),
    ("catch up", ("close_again",)),
    ("SCP", ("Scp.", "Agreement.")),
    ("store (client's side)", ("Store.",)),
    ("publish", ("Publisher.",)),
    ("overlay", ("Connection.", "Overlay.", "Peers.")),
    ("the rest of the herder", ("Herder.",)),
    ("loop, threads, the rest", ("",)),
)
"""A stage and what its functions are called; the first that is on a stack has the sample."""


def count_stages(stacks: Iterable[str]) -> Counter[str]:
    """`stacks`: lines of "outermost;...;innermost COUNT", as flame graphs are drawn from."""
    counts: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        counts[_get_stage(stack)] += int(count)
    return counts


def _get_stage(stack: str) -> str:
    return next(name for name, marks in STAGES if any(mark in stack for mark in marks))


Rows = list[tuple[str, float]]


def profile(payments: int, stacks: Path | None = None) -> tuple[Rows, Rows]:
    """(what, microseconds), first of a payment in full ledgers, then of a ledger that holds next to
    nothing: the stages of a node's own process, then the others' processes, each a fourth of the
    four nodes'."""
    with start_deployment(TABLE, "core") as running, tempfile.TemporaryDirectory() as folder:
        load = Load(running, NAMES, network.CORES)
        load.run(load.sign(WARM_UP))
        signed = load.sign(payments)
        few = load.sign(int(FEW_RATE * FEW_S))
        output = stacks or Path(folder, "stacks")

        def run_full() -> int:
            load.run(signed)
            return payments

        def run_few() -> int:
            before = _get_sequence(running)
            load.run(few, FEW_RATE)
            return _get_sequence(running) - before

        return (
            _measure(running, output, run_full),
            _measure(running, Path(folder, "stacks of ledgers"), run_few),
        )


def _measure(running: RunningDeployment, output: Path, act: Callable[[], int]) -> Rows:
    """The microseconds of one of the units that `act` counts."""
    process_id = running.control.get_state(network.CORES[0]).process_id
    used: list[dict[str, float]] = []
    with _recording(process_id, output), cpu_used(running, used):
        units = act()
    stages = count_stages(output.read_text().splitlines())
    spent = {
        kind: seconds / units / len(network.CORES) * 1_000_000 for kind, seconds in used[0].items()
    }
    total, node_us = sum(stages.values()), spent.pop("core nodes")
    rows = [(name, stages[name] / total * node_us) for name, _ in STAGES]
    return [*rows, *((kind, microseconds) for kind, microseconds in sorted(spent.items()))]


def _get_sequence(running: RunningDeployment) -> int:
    status = get_node_status(running, network.CORES[0])
    if status is None:
        raise RuntimeError(f"{network.CORES[0]} does not say where it is")
    return int(status["sequence"])


@contextmanager
def _recording(process_id: int, output: Path) -> Iterator[None]:
    """Samples a process for the time of the context. Needs the right to trace it: be root, or let
    kernel.yama.ptrace_scope be 0."""
    program = str(Path(sys.executable).with_name("py-spy"))
    options = ["--gil", "--nonblocking", "--rate", str(RATE), "--format", "raw"]
    target = ["--duration", "unlimited", "--output", str(output), "--pid", str(process_id)]
    recorder = subprocess.Popen(
        [program, "record", *options, *target],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield
    finally:
        recorder.send_signal(signal.SIGINT)
        _, problem = recorder.communicate(timeout=60)
    if recorder.returncode != 0:
        raise RuntimeError(f"the profiler failed: {problem.strip()}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Where a payment's time goes in a core node.")
    parser.add_argument("--payments", type=int, default=40_000)
    parser.add_argument("--stacks", type=Path, help="where to keep the samples")
    given = parser.parse_args()
    tell("a deployment is started, loaded and sampled: this takes two minutes")
    payment, ledger = profile(given.payments, given.stacks)
    console = Console()
    console.print(_make_table("One payment in one of four nodes", payment))
    console.print(_make_table("One ledger of a payment or two, in one of four nodes", ledger))


def _make_table(title: str, rows: Rows) -> Table:
    total = sum(microseconds for _, microseconds in rows)
    table = Table(title=title)
    table.add_column("where")
    table.add_column("us", justify="right")
    table.add_column("%", justify="right")
    for name, microseconds in rows:
        if microseconds / total >= SHARE_SHOWN:
            table.add_row(name, f"{microseconds:,.1f}", f"{microseconds / total * 100:.0f}")
    table.add_row("together", f"{total:,.1f}", "100")
    return table


if __name__ == "__main__":
    main()
