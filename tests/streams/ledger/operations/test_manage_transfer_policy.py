"""ManageTransferPolicy, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import TransferPurpose
from schemas.generated.operations import (
    ManageTransferPolicy,
    ManageTransferPolicyCode,
    RemoveTransferPolicy,
)
from schemas.generated.transactions import OperationCode
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.border import CHAIN, open_border, put_caps
from tests.support.network import Network, make_economy
from tests.support.requests import put_policy

Code = ManageTransferPolicyCode
REMOVE = ManageTransferPolicy(CHAIN, "ETH", TransferPurpose.WITHDRAW, RemoveTransferPolicy())
SWEEP, CANCEL = TransferPurpose.SWEEP, TransferPurpose.CANCEL

CASES = (
    Case(
        "a new one",
        "master",
        lambda _: put_caps(purpose=SWEEP),
        changes=("TransferPolicy made",),
        given=open_border,
    ),
    Case(
        "another cap",
        "master",
        lambda _: put_caps(501),
        changes=("TransferPolicy changed",),
        given=open_border,
    ),
    Case(
        "removed",
        "master",
        lambda _: REMOVE,
        changes=("TransferPolicy removed",),
        given=open_border,
    ),
    Case(
        "no chain",
        "master",
        lambda _: put_caps(chain_id="x"),
        Code.INVALID_CHAIN_ID,
        given=open_border,
    ),
    Case(
        "of cancels",
        "master",
        lambda _: put_caps(purpose=CANCEL),
        Code.INVALID_PURPOSE,
        given=open_border,
    ),
    Case(
        "a list of destinations of sweeps",
        "master",
        lambda _: put_caps(purpose=SWEEP, allow_list_delay_ms=1),
        Code.INVALID_PURPOSE,
        given=open_border,
    ),
    Case("nothing", "master", lambda _: put_caps(0), Code.INVALID_CAPS, given=open_border),
    Case(
        "more in a transfer than in a day",
        "master",
        lambda _: put_caps(801),
        Code.INVALID_CAPS,
        given=open_border,
    ),
    Case(
        "none to remove",
        "master",
        lambda _: replace(REMOVE, purpose=SWEEP),
        Code.NOT_FOUND,
        given=open_border,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_transfer_policy(case: Case) -> None:
    run_case(case)


def test_under_a_policy_it_takes_a_governed_change() -> None:
    network: Network = make_economy()
    open_border(network)
    network.apply("master", put_policy("governed_change", 1))
    [result] = network.apply("master", put_caps(501)).applied[0].result.operations
    assert result.outcome is OperationCode.GOVERNED_CHANGE_NEEDED
