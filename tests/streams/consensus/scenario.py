"""Reads and runs the text scenarios of `tests/scenarios/scp`: one node, told what others say.

A file opens with its network:

    network 4 of v0 v1 v2 v3 v4     the quorum set of all; inner sets in parentheses: (2 of v5 v6)
    node v0                         the node under test; `node w watcher` for a non-validator
    values a < b < c                their names, in the order of their bytes

Then come scenarios. One begins with `== name`, or `== name | after: other name` to go on from where
another one of the file ended. A line that is not indented is an input:

    begin a                         nominate a, which the others accept: shows the PREPARE only
    nominate a leaders: v1 v0       with a previous value after which v1, then v0 lead
      ... prefers: c b              and c has a higher hash than b
    recv v1 v2: STATEMENT           the same pledges from several nodes, one after the other
    timeout ballot 1                the timer of that counter (or `nomination` round) runs out
    level a STRUCTURALLY_VALID      the application's answers from now on; also `nomination-level`,
    extract a b                     `extract`, `give-up a`, `composite a`
    revalidate
    restore STATEMENT               the node starts again with its own durable statement(s)
    status                          what is shown to people

and the indented line below tells all outputs it must have, in order, `;` between them (a line that
begins with `;` continues the one before). Inputs from nodes show the node before `|`. No line below
means no outputs. Ballots are written (2,a); the infinite counter is inf.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from schemas.generated import consensus as wire
from schemas.generated.common import PublicKey
from schemas.generated.consensus import QuorumSet, Statement
from streams.consensus import outputs
from streams.consensus.application import Validation
from streams.consensus.claims import INFINITE_COUNTER, BallotPledges, Pledges
from streams.consensus.outputs import Emit, Output, TimerKind
from streams.consensus.quorum_set import get_nodes
from streams.consensus.scp import Scp
from tests.streams.consensus.fixtures import (
    EMPTY,
    ValueTable,
    find_previous_value,
    node,
    quorum_set,
)

SLOT = 1


@dataclass
class Step:
    """An input line and what is expected below it."""

    line_number: int
    text: str
    expected: list[str] = field(default_factory=list)


@dataclass
class Scenario:
    name: str
    after: str | None
    steps: list[Step] = field(default_factory=list)


@dataclass
class ScenarioFile:
    header: list[str]
    scenarios: dict[str, Scenario]

    def get_steps(self, name: str) -> list[Step]:
        """The scenario's steps after those of all it goes on from."""
        scenario = self.scenarios[name]
        before = self.get_steps(scenario.after) if scenario.after else []
        return before + scenario.steps


def read_scenarios(path: Path) -> ScenarioFile:
    header: list[str] = []
    scenarios: dict[str, Scenario] = {}
    scenario: Scenario | None = None
    for line_number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split("#")[0].rstrip()
        if not text:
            continue
        if text.startswith("== "):
            name, _, after = text[3:].partition(" | after: ")
            if name in scenarios or (after and after not in scenarios):
                raise ValueError(f"{path}:{line_number}: {name}: twice, or after an unknown one")
            scenario = scenarios[name] = Scenario(name, after or None)
        elif scenario is None:
            header.append(text)
        elif text.startswith(" "):
            expected = scenario.steps[-1].expected
            if text.strip().startswith(";"):
                expected[-1] += text.strip()
            else:
                expected.append(text.strip())
        else:
            scenario.steps.append(Step(line_number, text))
    return ScenarioFile(header, scenarios)


def parse_quorum_set(text: str) -> QuorumSet:
    """`2 of v0 v1 (1 of v2 v3)`."""
    tokens = re.findall(r"[()]|[^\s()]+", text)

    def parse() -> QuorumSet:
        threshold = int(tokens.pop(0))
        if tokens.pop(0) != "of":
            raise ValueError(f"not a quorum set: {text}")
        entries: list[str | QuorumSet] = []
        while tokens and tokens[0] != ")":
            token = tokens.pop(0)
            entries.append(parse() if token == "(" else token)
        if tokens:
            tokens.pop(0)
        return quorum_set(threshold, *entries)

    return parse()


class Driver:
    """One node and the words for what goes in and comes out."""

    def __init__(self, header: list[str]) -> None:
        settings = dict(line.split(" ", 1) for line in header)
        self.quorum_set = parse_quorum_set(settings["network"])
        self.name, _, self.role = settings["node"].partition(" ")
        names = settings["values"].split(" < ")
        self.values = {name: bytes([place]) + name.encode() for place, name in enumerate(names, 1)}
        self.names = {value: name for name, value in self.values.items()}
        self.names |= {EMPTY + value: f"empty({name})" for name, value in self.values.items()}
        self.values = {name: value for value, name in self.names.items()}
        self.application = ValueTable()
        self.scp = self.make_scp()

    def make_scp(self) -> Scp:
        is_validator = self.role != "watcher"
        return Scp(node(self.name), self.quorum_set, self.application, is_validator)

    def perform(self, text: str) -> list[str]:
        """The lines that an input has for outputs."""
        verb, _, rest = text.partition(" ")
        return getattr(self, "do_" + verb.replace("-", "_"))(rest)  # type: ignore[no-any-return]

    def do_begin(self, rest: str) -> list[str]:
        self.do_nominate(f"{rest} leaders: {self.name}")
        shown: list[str] = []
        for peer in get_nodes(self.quorum_set):
            if peer != node(self.name) and not shown:
                hash_ = self.scp.locals[0][1].quorum_set_hash
                values = (self.values[rest],)
                pledges = wire.Nominate(hash_, values, values)
                result = self.scp.receive(Statement(peer, SLOT, pledges))
                shown = [self.show(o) for o in result if is_about_ballots(o)]
        return join("", shown)

    def do_nominate(self, rest: str) -> list[str]:
        value, _, rest = rest.partition(" leaders: ")
        leaders, _, preferred = rest.partition(" prefers: ")
        local = self.scp.locals[0][1]
        previous = find_previous_value(
            SLOT,
            local.weights,
            [leader for leader in map(node, leaders.split()) if leader in dict(local.weights)],
            [self.values[name] for name in preferred.split()],
        )
        return self.show_all("", self.scp.nominate(SLOT, self.values[value], previous))

    def do_recv(self, rest: str) -> list[str]:
        names, _, text = rest.partition(": ")
        lines: list[str] = []
        for name in names.split():
            statement = Statement(node(name), SLOT, self.parse_pledges(text))
            lines += self.show_all(name, self.scp.receive(statement))
        return lines

    def do_timeout(self, rest: str) -> list[str]:
        kind, number = rest.split()
        fired = self.scp.fire_timer(SLOT, TimerKind(kind), parse_counter(number))
        return self.show_all("", fired)

    def do_level(self, rest: str) -> list[str]:
        name, level = rest.split()
        self.application.levels[self.values[name]] = Validation[level]
        return []

    def do_nomination_level(self, rest: str) -> list[str]:
        name, level = rest.split()
        self.application.nomination_levels[self.values[name]] = Validation[level]
        return []

    def do_extract(self, rest: str) -> list[str]:
        invalid, valid = rest.split()
        self.application.extracts[self.values[invalid]] = self.values[valid]
        return []

    def do_give_up(self, rest: str) -> list[str]:
        self.application.given_up.add(self.values[rest])
        return []

    def do_composite(self, rest: str) -> list[str]:
        self.application.composite = self.values[rest]
        return []

    def do_revalidate(self, rest: str) -> list[str]:
        return self.show_all(rest, self.scp.revalidate(SLOT))

    def do_restore(self, rest: str) -> list[str]:
        self.scp = self.make_scp()
        statements = [
            Statement(node(self.name), SLOT, self.parse_pledges(text)) for text in rest.split(" + ")
        ]
        return self.show_all("", self.scp.restore(statements))

    def do_status(self, rest: str) -> list[str]:
        state = self.scp.get_state(SLOT)
        if state is None:
            return [f"nothing{rest}"]
        shown = [f"phase {state.phase.name}", f"ballot {self.show_pledges(state.ballot)}"]
        if state.composite is not None:
            shown.append(f"composite {self.names[state.composite]}")
        for title, nodes in (
            ("missing", state.missing),
            ("waiting", state.waiting),
            ("closest", state.closest_v_blocking),
        ):
            if nodes:
                shown.append(f"{title} {show_nodes(nodes)}")
        return ["; ".join(shown)]

    def parse_pledges(self, text: str) -> Pledges:
        kind, *parts = text.split()
        fields = dict(part.split("=", 1) for part in parts)
        hash_ = self.scp.locals[0][1].quorum_set_hash
        if kind == "NOMINATE":
            votes, accepted = (
                tuple(sorted(self.values[name] for name in fields.get(key, "").split(",") if name))
                for key in ("votes", "accepted")
            )
            return wire.Nominate(hash_, votes, accepted)
        commit, high = parse_counter(fields.get("c", "0")), parse_counter(fields.get("h", "0"))
        if kind == "EXTERNALIZE":
            return wire.Externalize(self.parse_ballot(fields["c"]), high, hash_)
        ballot = self.parse_ballot(fields["b"])
        if kind == "CONFIRM":
            return wire.Confirm(hash_, ballot, parse_counter(fields["p"]), commit, high)
        prepared = self.parse_ballot(fields["p"]) if "p" in fields else None
        prime = self.parse_ballot(fields["p'"]) if "p'" in fields else None
        return wire.Prepare(hash_, ballot, prepared, prime, commit, high)

    def parse_ballot(self, text: str) -> wire.Ballot:
        counter, name = text.removeprefix("(").removesuffix(")").split(",")
        return wire.Ballot(parse_counter(counter), self.values[name])

    def show_all(self, name: str, result: tuple[Output, ...]) -> list[str]:
        return join(name, [self.show(output) for output in result])

    def show(self, output: Output) -> str:
        match output:
            case Emit(statement):
                return f"emit {self.show_pledges(statement.pledges)}"
            case outputs.StartTimer(_, kind, number, timeout_ms):
                return f"timer {kind.value} {number} {timeout_ms}ms"
            case outputs.StopTimer(_, kind):
                return f"stop {kind.value}"
            case outputs.Externalized(_, value):
                return f"externalized {self.names[value]}"
            case outputs.HeardFromQuorum(_, counter):
                return f"heard {show_counter(counter)}"
            case outputs.NominationRoundStarted(_, number, leaders):
                return f"round {number} leaders {show_nodes(leaders)}"
            case outputs.Refused(_, _, reason):
                return f"refused {reason.name}"
            case outputs.Postponed(_, _, value):
                return f"postponed {self.names[value]}"
            case outputs.ValueReplaced(_, value, empty_value):
                return f"replaced {self.names[value]} by {self.names[empty_value]}"
            case outputs.Equivocation(_, name, _, _):
                return f"equivocation {show_nodes((name,))}"

    def show_pledges(self, pledges: Pledges | None) -> str:
        if pledges is None:
            return "none"
        if isinstance(pledges, wire.Nominate):
            votes, accepted = (
                ",".join(self.names[value] for value in values)
                for values in (pledges.votes, pledges.accepted)
            )
            return f"NOMINATE votes={votes}" + (f" accepted={accepted}" if accepted else "")
        return self.show_ballot_pledges(pledges)

    def show_ballot_pledges(self, pledges: BallotPledges) -> str:
        if isinstance(pledges, wire.Externalize):
            shown = {"c": self.show_ballot(pledges.commit)}
        else:
            shown = {"b": self.show_ballot(pledges.ballot)}
        if isinstance(pledges, wire.Prepare):
            shown["p"] = self.show_ballot(pledges.prepared)
            shown["p'"] = self.show_ballot(pledges.prepared_prime)
        if isinstance(pledges, wire.Confirm):
            shown["p"] = show_counter(pledges.counter_prepared)
        if not isinstance(pledges, wire.Externalize):
            shown["c"] = show_counter(pledges.counter_commit)
        shown["h"] = show_counter(pledges.counter_high)
        words = " ".join(f"{key}={value}" for key, value in shown.items() if value)
        return f"{type(pledges).__name__.upper()} {words}"

    def show_ballot(self, ballot: wire.Ballot | None) -> str:
        if ballot is None:
            return ""
        return f"({show_counter(ballot.counter)},{self.names[ballot.value]})"


def is_about_ballots(output: Output) -> bool:
    if isinstance(output, Emit):
        return not isinstance(output.statement.pledges, wire.Nominate)
    return not isinstance(output, outputs.StopTimer)


def join(name: str, shown: list[str]) -> list[str]:
    return [f"{name} | {'; '.join(shown)}".strip()] if shown else []


def parse_counter(text: str) -> int:
    if text.startswith("("):
        return 0
    return INFINITE_COUNTER if text == "inf" else int(text)


def show_counter(counter: int) -> str:
    """Zero is shown as nothing."""
    return "inf" if counter == INFINITE_COUNTER else str(counter or "")


def show_nodes(nodes: tuple[PublicKey, ...]) -> str:
    return " ".join(name.decode().strip() for name in nodes)


def run(scenarios: ScenarioFile, name: str) -> list[tuple[Step, list[str]]]:
    """The steps of the scenario itself with the output lines they had."""
    driver = Driver(scenarios.header)
    done = [(step, driver.perform(step.text)) for step in scenarios.get_steps(name)]
    return done[len(done) - len(scenarios.scenarios[name].steps) :]
