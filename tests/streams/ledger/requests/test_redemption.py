"""A redemption pays out what it locked, or unlocks it."""

from schemas.generated.ledger import EffectKind
from schemas.generated.operations import ReviewAction, ReviewRequestCode
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from tests.streams.ledger.operations.test_create_redemption_request import (
    ask,
    get_amounts,
    mute_bob,
)
from tests.support.network import Network, make_economy, review


def make_request() -> Network:
    network = make_economy()
    ask(network)
    return network


def test_an_approved_one_pays_out() -> None:
    network = make_request()
    [applied] = network.apply("master", review(network, 5)).applied
    assert get_amounts(network) == (93, 0, 1_000_007)
    assert [each.kind for each in applied.effects] == [
        EffectKind.PARTICIPATED,
        EffectKind.CHARGED_FROM_LOCKED,
        EffectKind.FUNDED,
        EffectKind.REQUEST_CHANGED,
    ]


def test_a_rejected_one_unlocks() -> None:
    network = make_request()
    network.apply("master", review(network, 5, ReviewAction.PERMANENT_REJECT))
    assert get_amounts(network) == (100, 0, 1_000_000)


def test_who_may_not_receive_it_any_more_gets_nothing() -> None:
    network = make_request()
    mute_bob(network)
    [result] = network.apply("master", review(network, 5)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    why = FulfilmentRefused(FulfilmentCode.COUNTERPARTY_NOT_ALLOWED, "")
    assert result.detail == RefusalDetail(why)
    assert get_amounts(network) == (93, 7, 1_000_000)
