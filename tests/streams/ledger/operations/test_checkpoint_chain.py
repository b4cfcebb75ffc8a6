"""CheckpointChain, case by case."""

import pytest

from schemas.generated.common import U64, Hash
from schemas.generated.entries import ChainCheckpoint
from schemas.generated.ledger import CheckpointChange, EffectKind
from schemas.generated.operations import (
    CheckpointChain,
    CheckpointChainCode,
    ResumeChain,
    StepBackCheckpoint,
)
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.border import CHAIN, advance
from tests.support.network import Network, get_account, make_economy
from tests.support.requests import govern

Code = CheckpointChainCode
EVIDENCE = Hash(bytes([7]) * 32)
RESUME = CheckpointChain(CHAIN, ResumeChain())


def step_back(height: int) -> CheckpointChain:
    block_hash = Hash(height.to_bytes(32, "big"))
    return CheckpointChain(CHAIN, StepBackCheckpoint(U64(height), block_hash, EVIDENCE))


def checkpoint(network: Network) -> None:
    network.apply("master", advance(100))


def halt(network: Network) -> None:
    checkpoint(network)
    network.apply("master", step_back(90))


CASES = (
    Case("the first", "master", lambda _: advance(7), changes=("ChainCheckpoint made",)),
    Case(
        "forward",
        "master",
        lambda _: advance(101),
        changes=("ChainCheckpoint changed",),
        given=checkpoint,
    ),
    Case(
        "back, with evidence",
        "master",
        lambda _: step_back(99),
        changes=("ChainCheckpoint changed",),
        given=checkpoint,
    ),
    Case(
        "further back",
        "master",
        lambda _: step_back(80),
        changes=("ChainCheckpoint changed",),
        given=halt,
    ),
    Case("no chain", "master", lambda _: advance(1, "bitcoin"), Code.INVALID_CHAIN_ID),
    Case("halted", "master", lambda _: advance(200), Code.CHAIN_HALTED, given=halt),
    Case("not halted", "master", lambda _: RESUME, Code.NOT_HALTED, given=checkpoint),
    Case("the same", "master", lambda _: advance(100), Code.NOT_FORWARD, given=checkpoint),
    Case("not back", "master", lambda _: step_back(100), Code.NOT_BACK, given=checkpoint),
    Case("back from nothing", "master", lambda _: step_back(1), Code.NOT_BACK),
    Case("by one alone", "master", lambda _: RESUME, Code.GOVERNED_CHANGE_NEEDED, given=halt),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_checkpoint_chain(case: Case) -> None:
    run_case(case)


def test_a_halted_chain_goes_on_by_a_governed_change_from_where_it_stepped_back_to() -> None:
    network = make_economy()
    halt(network)
    effects = network.apply("master", govern(RESUME)).applied[0].effects
    told = [each for each in effects if each.kind is EffectKind.CHAIN_CHECKPOINTED]
    assert [each.account_id for each in told] == [get_account("master")]
    assert told[0].detail == CheckpointChange(CHAIN, 90, is_halted=False)
    expected = ChainCheckpoint(CHAIN, U64(90), Hash((90).to_bytes(32, "big")), None)
    assert network.ledger.state.get_chain_checkpoint(CHAIN) == expected
    network.apply("master", advance(91))
    found = network.ledger.state.get_chain_checkpoint(CHAIN)
    assert found is not None
    assert found.height == 91
