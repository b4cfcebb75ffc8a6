"""Committing, rejecting, signing, replacing, settling, cancelling, closing, halts, blocked accounts
and changed keysets in every order: the ledger does what a simple model says."""

import pytest

from schemas.generated import keys
from schemas.generated.entries import UsedResource
from streams.ledger.invariants import check_everything
from tests.streams.ledger.border.model import Border

STEPS = 30
SCHEDULES = 500
IN_A_ROUND = 1_000
EVERY_STEP = {
    "AddTransferSignature",
    "CloseExternalTransfer",
    "ConfirmExternalTransfer",
    "CreateExternalTransfer",
    "ManageAssetHalt",
    "ReplaceExternalTransfer",
    "ReviewRequest",
    "SettleExternalTransfer",
}


def run(seed: int) -> set[str]:
    """One schedule; which operations took effect in it."""
    border = Border(seed)
    for _ in range(STEPS):
        border.step()
    state = border.network.ledger.state
    check_everything(state)
    branch = keys.used_resource_key(bytes(32))[:1]  # type: ignore[arg-type]
    used = [state.get(key) for key in state.encoded if key[:1] == branch]
    holders = [each.transfer_id for each in used if isinstance(each, UsedResource)]
    owners = sorted(n for n, each in border.transfers.items() if each.parent is None)
    assert sorted(holders) == owners
    return border.taken


@pytest.mark.slow
def test_schedules_go_as_the_model_says() -> None:
    taken: set[str] = set()
    for seed in range(SCHEDULES):
        taken |= run(seed)
    assert taken == EVERY_STEP


@pytest.mark.campaign
@pytest.mark.timeout(1_200)
def test_many_more_do(fault_round: int) -> None:
    """Ten rounds are 10,000 schedules."""
    for seed in range(1_000 + IN_A_ROUND * fault_round, 1_000 + IN_A_ROUND * (fault_round + 1)):
        run(seed)
