"""A request for another role: what it holds, and what fulfilling and ending it do."""

from schemas.generated.common import AccountRequestKind
from schemas.generated.operations import (
    ManageAccountRole,
    RemoveAccountRole,
    ReviewAction,
    ReviewRequestCode,
)
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from tests.streams.ledger.operations.test_create_change_role_request import (
    FIRST_REQUEST,
    ask,
    open_widely,
)
from tests.streams.ledger.operations.test_manage_account_role import NEW_ROLE, create_one
from tests.support.network import Network, get_account, make_economy, review


def is_reserved(network: Network) -> bool:
    place = (AccountRequestKind.CHANGE_ROLE, get_account("alice"))
    return network.ledger.state.get_account_reservation(*place) is not None


def test_the_account_s_place_is_held_until_the_request_ends() -> None:
    network = make_economy()
    network.apply("master", ask(all_tasks=16))
    assert is_reserved(network)
    network.apply("master", review(network, FIRST_REQUEST, ReviewAction.PERMANENT_REJECT))
    assert not is_reserved(network)


def test_a_role_that_went_away_meanwhile_is_not_given() -> None:
    network = make_economy()
    open_widely(network)
    create_one(network)
    network.apply("master", ask(role_id=NEW_ROLE, all_tasks=16))
    network.apply("master", ManageAccountRole(RemoveAccountRole(NEW_ROLE)))
    [result] = network.apply("master", review(network, FIRST_REQUEST)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail == RefusalDetail(FulfilmentRefused(FulfilmentCode.NO_SUCH_ROLE, ""))
