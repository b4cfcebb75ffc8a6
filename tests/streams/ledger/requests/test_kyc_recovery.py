"""A request for new signers: what it holds, and what fulfilling and ending it do."""

from msgspec.structs import replace

from schemas.generated.common import AccountRequestKind
from schemas.generated.operations import (
    ManageSignerRole,
    RemoveSignerRole,
    ReviewAction,
    ReviewRequestCode,
)
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from tests.streams.ledger.operations.test_create_kyc_recovery_request import (
    FIRST_REQUEST,
    ask,
    ask_once,
    open_recovery,
)
from tests.streams.ledger.operations.test_manage_signer_role import NEW_ROLE, create_one
from tests.support.network import Network, get_account, get_owner, make_economy, review


def is_reserved(network: Network) -> bool:
    place = (AccountRequestKind.KYC_RECOVERY, get_account("alice"))
    return network.ledger.state.get_account_reservation(*place) is not None


def test_the_account_s_place_is_held_until_the_request_ends() -> None:
    network = make_economy()
    ask_once(network)
    assert is_reserved(network)
    network.apply("master", review(network, FIRST_REQUEST, ReviewAction.PERMANENT_REJECT))
    assert not is_reserved(network)


def test_a_signer_role_that_went_away_meanwhile_is_not_given() -> None:
    network = make_economy()
    open_recovery(network)
    create_one(network)
    network.apply("alice", ask(replace(get_owner("restored"), role_id=NEW_ROLE)))
    network.apply("master", ManageSignerRole(RemoveSignerRole(NEW_ROLE)))
    [result] = network.apply("master", review(network, FIRST_REQUEST)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail == RefusalDetail(FulfilmentRefused(FulfilmentCode.NO_SUCH_SIGNER_ROLE, ""))
