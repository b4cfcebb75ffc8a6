"""ManageAsset, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount
from schemas.generated.entries import AssetState, BaseAssets
from schemas.generated.operations import (
    CancelAssetRequest,
    ManageAsset,
    ManageAssetCode,
    ManageAssetResult,
    ManageKeyValue,
    RemoveKeyValue,
    ReviewAction,
)
from schemas.generated.requests import CreateAssetRequest
from schemas.generated.transactions import OperationResult
from streams.herder.signature_work import find_false_signatures, make_job
from streams.ledger.requests.pending import compute_request_hash
from tests.streams.ledger.operations.assets import (
    change_signer,
    limit,
    replace_request,
    replace_with,
    update,
    with_asset,
)
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import (
    Network,
    create_asset,
    get_public_key,
    issue,
    make_economy,
    review,
)


def ask(network: Network) -> None:
    """A request of the issuer for USD, number 4 (EUR, and two issuances of it, came before)."""
    network.apply("issuer", create_asset("USD", tasks=16))


def issue_with_tasks(network: Network) -> None:
    """A request, also number 4, that is not for an asset."""
    made = issue(network, "alice", "EUR", 5, "later")
    network.apply("issuer", replace(made, all_tasks=16))


def reject(network: Network) -> None:
    ask(network)
    network.apply("master", review(network, 4, ReviewAction.REJECT))


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


def lower_issuable(network: Network) -> None:
    supply = network.ledger.state.get_asset_supply("EUR")
    assert supply is not None
    put(network, replace(supply, available_for_issuance=Amount(5)))


def remove_eur(network: Network) -> None:
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    put(network, replace(asset, state=AssetState.REMOVED))


def forget_update_tasks(network: Network) -> None:
    network.apply("master", ManageKeyValue("asset_update_tasks", RemoveKeyValue()))


def check_signer(network: Network, result: OperationResult) -> None:
    assert result.outcome == ManageAssetResult(U64(0), fulfilled=True)
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    assert (asset.preissued_asset_signer, asset.signer_changes) == (get_public_key("spare"), 1)


def check_maximum(network: Network, result: OperationResult) -> None:
    assert result.outcome == ManageAssetResult(U64(0), fulfilled=True)
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    assert asset.max_issuance_amount == 2_000_005


def check_cancelled(network: Network, result: OperationResult) -> None:
    assert result.outcome == ManageAssetResult(U64(4), fulfilled=False)
    network.apply("alice", create_asset("USD"))
    assert network.ledger.state.get_asset("USD") is not None


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
        "an update",
        "issuer",
        lambda _: update(),
        changes=("Asset changed", "BaseAssets changed", "Counters changed"),
    ),
    Case(
        "no update tasks set",
        "issuer",
        lambda _: update(),
        ManageAssetCode.ASSET_UPDATE_TASKS_NOT_FOUND,
        given=forget_update_tasks,
    ),
    Case(
        "an update of a removed asset",
        "issuer",
        lambda _: update(),
        ManageAssetCode.ASSET_REMOVED,
        given=remove_eur,
    ),
    Case(
        "an update of another's asset",
        "alice",
        lambda _: update(),
        ManageAssetCode.NOT_AUTHORIZED,
    ),
    Case(
        "an update in place of a request to create",
        "issuer",
        lambda _: replace(update(), request_id=U64(4)),
        ManageAssetCode.REQUEST_NOT_FOUND,
        given=reject,
    ),
    Case(
        "a pending request cancelled",
        "issuer",
        lambda _: ManageAsset(4, CancelAssetRequest()),
        changes=("ReviewableRequest removed", "AssetReservation removed"),
        given=ask,
        check=check_cancelled,
    ),
    Case(
        "a rejected request cancelled",
        "issuer",
        lambda _: ManageAsset(4, CancelAssetRequest()),
        changes=("ReviewableRequest removed", "AssetReservation removed"),
        given=reject,
    ),
    Case(
        "another's request cancelled",
        "alice",
        lambda _: ManageAsset(4, CancelAssetRequest()),
        ManageAssetCode.REQUEST_NOT_FOUND,
        given=ask,
    ),
    Case(
        "an issuance cancelled",
        "issuer",
        lambda _: ManageAsset(4, CancelAssetRequest()),
        ManageAssetCode.REQUEST_NOT_FOUND,
        given=issue_with_tasks,
    ),
    Case(
        "another offline key",
        "issuer",
        change_signer,
        changes=("Asset changed",),
        check=check_signer,
    ),
    Case(
        "another offline key, for a request",
        "issuer",
        lambda n: replace(change_signer(n), request_id=U64(4)),
        ManageAssetCode.INVALID_REQUEST_ID,
        given=ask,
    ),
    Case(
        "another offline key of another's asset",
        "alice",
        change_signer,
        ManageAssetCode.NOT_AUTHORIZED,
    ),
    Case(
        "another offline key, signed by a key of no say",
        "issuer",
        lambda n: change_signer(n, signer=get_public_key("alice")),
        ManageAssetCode.PREISSUED_SIGNER_MISMATCHED,
    ),
    Case(
        "another offline key again",
        "issuer",
        lambda n: change_signer(n, signer=get_public_key("spare")),
        ManageAssetCode.SIGNER_CHANGE_MISMATCHED,
        given=lambda n: n.apply("issuer", change_signer(n)),
    ),
    Case(
        "a lower maximum",
        "issuer",
        lambda _: limit(2_000_005),
        changes=("Asset changed",),
        given=lower_issuable,
        check=check_maximum,
    ),
    Case(
        "a maximum below what is issued and issuable",
        "issuer",
        lambda _: limit(2_000_004),
        ManageAssetCode.EXCEEDS_MAX_ISSUANCE_AMOUNT,
        given=lower_issuable,
    ),
    Case(
        "a maximum of nothing",
        "issuer",
        lambda _: limit(0),
        ManageAssetCode.INVALID_MAX_ISSUANCE_AMOUNT,
    ),
    Case(
        "a maximum of a removed asset",
        "issuer",
        lambda _: limit(5),
        ManageAssetCode.ASSET_REMOVED,
        given=remove_eur,
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


@pytest.mark.parametrize("change", ["code", "change_number", "public_key"])
def test_a_signature_over_another_change_is_found_when_it_is_verified(change: str) -> None:
    network = make_economy()
    values = {"code": "USD", "change_number": 2, "public_key": get_public_key("other")}
    bodies = (change_signer(network), change_signer(network, **{change: values[change]}))
    jobs = [make_job(network.prepare("issuer", body)) for body in bodies]
    assert find_false_signatures(jobs) == [None, get_public_key("pre-issuer")]
