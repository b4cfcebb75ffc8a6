"""The corpus of the fuzz target: one envelope for every operation, with the case that it is of.

`python -m tests.streams.ledger.fuzz.corpus` writes it again after a change of the contract.
"""

import base64
import json
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from schemas.contract import OPERATIONS
from tests.streams.ledger.operations.cases import Case
from tests.support.network import Network, make_economy

FILE = Path(__file__).with_name("envelopes.jsonl")


class Seed(NamedTuple):
    """An envelope that takes effect on the network of its case."""

    operation: str
    case: str
    envelope: bytes

    def make_network(self) -> Network:
        network = make_economy()
        _find_case(self.operation, self.case).given(network)
        return network


def read_corpus() -> list[Seed]:
    rows = [json.loads(line) for line in FILE.read_text().splitlines()]
    return [Seed(o, c, base64.b64decode(envelope)) for o, c, envelope in rows]


def make_corpus() -> list[Seed]:
    """Of every operation the first case that succeeds."""
    seeds = []
    for row in OPERATIONS:
        case = next(each for each in _get_cases(row.stem) if each.code is None)
        network = make_economy()
        case.given(network)
        transaction = network.build(case.source, case.make(network))
        seeds.append(Seed(row.stem, case.name, network.sign(transaction, case.source)))
    return seeds


def main() -> None:
    rows = [(s.operation, s.case, base64.b64encode(s.envelope).decode()) for s in make_corpus()]
    FILE.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _get_cases(stem: str) -> list[Case]:
    cases: list[Case] = import_module(f"tests.streams.ledger.operations.test_{stem}").CASES
    return cases


def _find_case(stem: str, name: str) -> Case:
    return next(each for each in _get_cases(stem) if each.name == name)


if __name__ == "__main__":
    main()
