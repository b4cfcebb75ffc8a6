"""ManageAsset, case by case."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import Amount
from schemas.generated.entries import BaseAssets
from schemas.generated.operations import (
    ManageAsset,
    ManageAssetCode,
    ManageAssetResult,
    ManageKeyValue,
    RemoveKeyValue,
    ReviewAction,
)
from schemas.generated.requests import CreateAssetRequest
from schemas.generated.transactions import OperationResult
from streams.ledger.requests.pending import compute_request_hash
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import Network, create_asset, issue, review


def with_asset(**changes: Any) -> ManageAsset:
    made = create_asset("USD", maximum=100)
    return replace(made, action=replace(made.action, **changes))


def ask(network: Network) -> None:
    """A request of the issuer for USD, number 4 (EUR, and two issuances of it, came before)."""
    network.apply("issuer", create_asset("USD", tasks=16))


def issue_with_tasks(network: Network) -> None:
    """A request, also number 4, that is not for an asset."""
    made = issue(network, "alice", "EUR", 5, "later")
    network.apply("issuer", replace(made, all_tasks=16))


def replace_request(request_id: int) -> ManageAsset:
    return replace(create_asset("USD"), request_id=request_id)


def reject(network: Network) -> None:
    ask(network)
    network.apply("master", review(network, 4, ReviewAction.REJECT))


def replace_with(**changes: Any) -> ManageAsset:
    made = replace_request(4)
    return replace(made, action=replace(made.action, **changes))


def check_edited(network: Network, result: OperationResult) -> None:
    assert result.outcome == ManageAssetResult(4, fulfilled=False)
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    assert (request.sequence_number, request.pending_tasks, request.reject_reason) == (2, 16, "")
    assert request.request_hash == compute_request_hash(4, 2, request.body)
    assert isinstance(request.body, CreateAssetRequest)
    assert request.body.asset.max_issuance_amount == 7


def forget_tasks(network: Network) -> None:
    network.apply("master", ManageKeyValue("asset_create_tasks", RemoveKeyValue()))


def fill_base_assets(network: Network) -> None:
    put(network, BaseAssets(tuple(f"B{number:02}" for number in range(64))))


def check_fulfilled(network: Network, result: OperationResult) -> None:
    assert result.outcome == ManageAssetResult(4, fulfilled=True)
    supply = network.ledger.state.get_asset_supply("USD")
    assert supply is not None
    assert (supply.issued, supply.available_for_issuance) == (0, 100)


def check_pending(network: Network, result: OperationResult) -> None:
    assert result.outcome == ManageAssetResult(4, fulfilled=False)
    assert network.ledger.state.get_asset("USD") is None
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    assert request.pending_tasks == 48


CASES = (
    Case(
        "made at once",
        "issuer",
        lambda _: with_asset(initial_preissued_amount=Amount(100)),
        changes=("Asset made", "AssetSupply made", "Counters changed"),
        check=check_fulfilled,
    ),
    Case(
        "a base asset",
        "issuer",
        lambda _: with_asset(policies=3),
        changes=("Asset made", "AssetSupply made", "BaseAssets changed", "Counters changed"),
    ),
    Case(
        "asked for",
        "issuer",
        lambda _: with_asset(all_tasks=48),
        changes=("ReviewableRequest made", "AssetReservation made", "Counters changed"),
        check=check_pending,
    ),
    Case(
        "what is no asset code",
        "issuer",
        lambda _: with_asset(code=""),
        ManageAssetCode.INVALID_CODE,
    ),
    Case(
        "at most nothing",
        "issuer",
        lambda _: with_asset(max_issuance_amount=Amount(0), initial_preissued_amount=Amount(0)),
        ManageAssetCode.INVALID_MAX_ISSUANCE_AMOUNT,
    ),
    Case(
        "more pre-issued than may be issued",
        "issuer",
        lambda _: with_asset(initial_preissued_amount=Amount(101)),
        ManageAssetCode.INITIAL_PREISSUED_EXCEEDS_MAX_ISSUANCE,
    ),
    Case(
        "an unknown policy",
        "issuer",
        lambda _: with_asset(policies=4),
        ManageAssetCode.INVALID_POLICIES,
    ),
    Case(
        "details that are not JSON",
        "issuer",
        lambda _: with_asset(creator_details=b"'x'"),
        ManageAssetCode.INVALID_CREATOR_DETAILS,
    ),
    Case(
        "in place of no request",
        "issuer",
        lambda _: replace_request(77),
        ManageAssetCode.REQUEST_NOT_FOUND,
    ),
    Case(
        "in place of another's request",
        "alice",
        lambda _: replace_request(4),
        ManageAssetCode.REQUEST_NOT_FOUND,
        given=ask,
    ),
    Case(
        "in place of a request for something else",
        "issuer",
        lambda _: replace_request(4),
        ManageAssetCode.REQUEST_NOT_FOUND,
        given=issue_with_tasks,
    ),
    Case(
        "in place of a pending request",
        "issuer",
        lambda _: replace_request(4),
        ManageAssetCode.REQUEST_IS_PENDING,
        given=ask,
    ),
    Case(
        "in place of a rejected request",
        "issuer",
        lambda _: replace_with(max_issuance_amount=Amount(7), initial_preissued_amount=Amount(0)),
        changes=("ReviewableRequest changed",),
        given=reject,
        check=check_edited,
    ),
    Case(
        "in place of a rejected request for another code",
        "issuer",
        lambda _: replace_with(code="USD2"),
        ManageAssetCode.REQUEST_ASSET_MISMATCHED,
        given=reject,
    ),
    Case(
        "in place of a rejected request, with other tasks",
        "issuer",
        lambda _: replace_with(all_tasks=0),
        ManageAssetCode.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE,
        given=reject,
    ),
    Case(
        "a task bit of the system",
        "issuer",
        lambda _: with_asset(all_tasks=1),
        ManageAssetCode.SYSTEM_TASKS_NOT_ALLOWED,
    ),
    Case(
        "a code in use",
        "alice",
        lambda _: create_asset("EUR"),
        ManageAssetCode.ASSET_ALREADY_EXISTS,
    ),
    Case(
        "a code asked for",
        "alice",
        lambda _: create_asset("USD"),
        ManageAssetCode.REQUEST_ALREADY_EXISTS,
        given=ask,
    ),
    Case(
        "no tasks set",
        "issuer",
        lambda _: with_asset(),
        ManageAssetCode.ASSET_CREATE_TASKS_NOT_FOUND,
        given=forget_tasks,
    ),
    Case(
        "one base asset more than there may be",
        "issuer",
        lambda _: with_asset(policies=2),
        ManageAssetCode.TOO_MANY_BASE_ASSETS,
        given=fill_base_assets,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_asset(case: Case) -> None:
    run_case(case)
