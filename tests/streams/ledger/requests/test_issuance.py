"""Fulfilling a request to issue."""

import pytest

from schemas.generated.common import Amount, BalanceID
from schemas.generated.ledger import EffectKind
from schemas.generated.requests import IssuanceRequest
from streams.ledger.errors import InvariantViolation
from streams.ledger.invariants import check_everything
from streams.ledger.requests import issuance
from streams.ledger.state import LedgerDelta
from tests.support.network import make_economy


def test_the_amount_is_issued_to_the_receiver() -> None:
    network = make_economy()
    delta = LedgerDelta(network.ledger.state)
    before = delta.get_asset_supply("EUR")
    receiver = network.get_balance_id("alice", "EUR")
    issuance.apply_fulfilment(delta, IssuanceRequest("EUR", Amount(5), receiver, b""))
    [effect] = delta.effects
    assert effect.kind is EffectKind.ISSUED
    delta.commit()
    after = network.ledger.state.get_asset_supply("EUR")
    assert before is not None
    assert after is not None
    assert (after.issued, after.available_for_issuance) == (
        before.issued + 5,
        before.available_for_issuance - 5,
    )
    assert network.get_amount("alice", "EUR") == 1_000_005
    check_everything(network.ledger.state)


def test_a_receiver_that_is_gone_is_a_breach() -> None:
    delta = LedgerDelta(make_economy().ledger.state)
    body = IssuanceRequest("EUR", Amount(5), BalanceID(bytes(32)), b"")
    with pytest.raises(InvariantViolation):
        issuance.apply_fulfilment(delta, body)
