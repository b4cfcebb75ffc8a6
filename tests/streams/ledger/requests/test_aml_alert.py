"""An alert ends with the amount burned or unlocked."""

from schemas.generated.ledger import EffectKind
from schemas.generated.operations import ReviewAction, ReviewRequestCode
from tests.streams.ledger.operations.test_create_aml_alert import alert, get_amounts
from tests.support.network import Network, get_account, make_economy, review


def make_alert() -> Network:
    network = make_economy()
    alert(network)
    return network


def test_an_approved_one_burns_the_amount() -> None:
    network = make_alert()
    [applied] = network.apply("master", review(network, 4)).applied
    assert get_amounts(network) == (999_990, 0, 1_999_990)
    burned = applied.effects[1]
    assert (burned.account_id, burned.kind) == (get_account("alice"), EffectKind.BURNED)


def test_a_rejected_one_unlocks_it() -> None:
    network = make_alert()
    rejection = review(network, 4, ReviewAction.PERMANENT_REJECT)
    [applied] = network.apply("master", rejection).applied
    assert get_amounts(network) == (1_000_000, 0, 2_000_000)
    assert applied.effects[1].kind is EffectKind.UNLOCKED


def test_it_is_not_edited() -> None:
    network = make_alert()
    closed = network.apply("master", review(network, 4, ReviewAction.REJECT))
    [result] = closed.applied[0].result.operations
    assert result.outcome is ReviewRequestCode.REJECT_NOT_ALLOWED
