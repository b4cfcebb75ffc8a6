"""A request to issue: what it promises, what fulfilling and ending it do."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64
from schemas.generated.operations import ReviewAction, ReviewRequestCode
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from streams.ledger.invariants import check_everything
from tests.streams.ledger.operations.cases import make_account_role, put
from tests.support.network import Network, get_account, issue, make_economy, review

MAXIMUM, ISSUED = 10**30, 2_000_000


def get_supply(network: Network) -> tuple[int, int, int]:
    """Of EUR: available, issued, promised."""
    supply = network.ledger.state.get_asset_supply("EUR")
    assert supply is not None
    return supply.available_for_issuance, supply.issued, supply.pending_issuance


def ask(tasks: int) -> Network:
    """An economy whose fourth request would issue 5 EUR to alice."""
    network = make_economy()
    asked = replace(issue(network, "alice", "EUR", 5, "gift"), all_tasks=tasks)
    network.apply("issuer", asked)
    return network


@pytest.mark.parametrize("tasks", [0, 16])
def test_the_amount_is_issued_to_the_receiver(tasks: int) -> None:
    network = ask(tasks)
    if tasks:
        assert get_supply(network) == (MAXIMUM - ISSUED, ISSUED, 5)
        assert network.get_amount("alice", "EUR") == 1_000_000
        network.apply("master", review(network, 4))
    assert get_supply(network) == (MAXIMUM - ISSUED - 5, ISSUED + 5, 0)
    assert network.get_amount("alice", "EUR") == 1_000_005
    check_everything(network.ledger.state)


def test_a_rejected_request_promises_nothing() -> None:
    network = ask(16)
    network.apply("master", review(network, 4, ReviewAction.PERMANENT_REJECT))
    assert get_supply(network) == (MAXIMUM - ISSUED, ISSUED, 0)
    check_everything(network.ledger.state)


def test_the_receiver_is_asked_again_when_it_is_fulfilled() -> None:
    network = ask(16)
    alice = network.ledger.state.get_account(get_account("alice"))
    assert alice is not None
    mute = make_account_role(9, "mute", "send-transactions")
    put(network, mute, replace(alice, role_id=U64(9)))
    [result] = network.apply("master", review(network, 4)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail == RefusalDetail(
        FulfilmentRefused(FulfilmentCode.COUNTERPARTY_NOT_ALLOWED, "")
    )
    assert get_supply(network) == (MAXIMUM - ISSUED, ISSUED, 5)
