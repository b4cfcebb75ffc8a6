"""CreatePreissuanceRequest, case by case. Of EUR, which has a maximum of 3,000,000, two thirds are
issued and half of the rest is issuable.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount, Signature
from schemas.generated.entries import AssetState
from schemas.generated.operations import (
    CreatePreissuanceRequest,
    CreatePreissuanceRequestCode,
    CreatePreissuanceRequestResult,
    ManageKeyValue,
    RemoveKeyValue,
    ReviewAction,
)
from schemas.generated.transactions import FirstUse, OperationResult, RefusalDetail
from streams.herder.signature_work import find_false_signatures, make_job
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import Network, get_public_key, make_economy, make_reference, review
from tests.support.requests import preissue

Code = CreatePreissuanceRequestCode
ISSUED, AVAILABLE, MAXIMUM = 2_000_000, 500_000, 3_000_000


def limit(network: Network) -> None:
    change_asset(network, max_issuance_amount=Amount(MAXIMUM), available_for_issuance=AVAILABLE)


def preissue_eur(network: Network, amount: int = 10, **changes: Any) -> CreatePreissuanceRequest:
    return replace(preissue(network, "EUR", amount, "batch 1"), **changes)


def change_asset(network: Network, **changes: Any) -> None:
    state = network.ledger.state
    for entry in (state.get_asset("EUR"), state.get_asset_supply("EUR")):
        assert entry is not None
        put(network, replace(entry, **{n: v for n, v in changes.items() if hasattr(entry, n)}))


def ask(network: Network) -> None:
    limit(network)
    network.apply("issuer", preissue_eur(network, all_tasks=16))


def ask_and_reject(network: Network) -> None:
    ask(network)
    network.apply("master", review(network, 4, ReviewAction.PERMANENT_REJECT))


def allow_two_references(network: Network) -> None:
    limit(network)
    put(network, replace(network.ledger.state.get_network_settings(), references_per_day=2))


def forget_tasks(network: Network) -> None:
    limit(network)
    network.apply("master", ManageKeyValue("preissuance_tasks:*", RemoveKeyValue()))


def check_issuable(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreatePreissuanceRequestResult(U64(4), fulfilled=True)
    supply = network.ledger.state.get_asset_supply("EUR")
    assert supply is not None
    assert (supply.available_for_issuance, supply.issued) == (AVAILABLE + 10, ISSUED)


def check_pending(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreatePreissuanceRequestResult(U64(4), fulfilled=False)
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    assert (request.pending_tasks, request.reference) == (16, make_reference(network, "batch 1"))
    network.apply("master", review(network, 4))
    supply = network.ledger.state.get_asset_supply("EUR")
    assert supply is not None
    assert supply.available_for_issuance == AVAILABLE + 10


def check_first_use(network: Network, result: OperationResult) -> None:
    assert isinstance(result.detail, RefusalDetail)
    assert isinstance(result.detail.data, FirstUse)


CASES = (
    Case(
        "issuable at once",
        "issuer",
        preissue_eur,
        changes=("AssetSupply changed", "Counters changed"),
        given=limit,
        check=check_issuable,
    ),
    Case(
        "asked for",
        "issuer",
        lambda n: preissue_eur(n, all_tasks=16),
        changes=("ReviewableRequest made", "Counters changed"),
        given=limit,
        check=check_pending,
    ),
    Case("nothing", "issuer", lambda n: preissue_eur(n, 0), Code.INVALID_AMOUNT),
    Case(
        "without a reference",
        "issuer",
        lambda n: preissue(n, "EUR", 10, ""),
        Code.INVALID_REFERENCE,
    ),
    Case(
        "details that are not JSON",
        "issuer",
        lambda n: preissue_eur(n, creator_details=b"["),
        Code.INVALID_CREATOR_DETAILS,
    ),
    Case(
        "a system task",
        "issuer",
        lambda n: preissue_eur(n, all_tasks=2),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
    ),
    Case(
        "a removed asset",
        "issuer",
        preissue_eur,
        Code.ASSET_REMOVED,
        given=lambda n: change_asset(n, state=AssetState.REMOVED),
    ),
    Case("another's asset", "alice", preissue_eur, Code.NOT_AUTHORIZED, given=limit),
    Case(
        "another key",
        "issuer",
        lambda n: preissue_eur(n, signer=get_public_key("alice")),
        Code.PREISSUED_SIGNER_MISMATCHED,
        given=limit,
    ),
    Case(
        "a reference of a day that has left the window",
        "issuer",
        lambda n: preissue_eur(
            n, reference=replace(make_reference(n, "old"), day=make_reference(n, "").day - 401)
        ),
        Code.REFERENCE_OUT_OF_WINDOW,
        given=limit,
    ),
    Case(
        "the reference of a request that was rejected for good",
        "issuer",
        preissue_eur,
        Code.REFERENCE_DUPLICATION,
        given=ask_and_reject,
        check=check_first_use,
    ),
    Case(
        "more references than an account may use a day",
        "issuer",
        preissue_eur,
        Code.REFERENCE_QUOTA_EXCEEDED,
        given=allow_two_references,
    ),
    Case(
        "no tasks set",
        "issuer",
        preissue_eur,
        Code.PREISSUANCE_TASKS_NOT_FOUND,
        given=forget_tasks,
    ),
    Case(
        "more than may ever be issued",
        "issuer",
        lambda n: preissue_eur(n, 500_001),
        Code.EXCEEDS_MAX_ISSUANCE_AMOUNT,
        given=limit,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_preissuance_request(case: Case) -> None:
    run_case(case)


@pytest.mark.parametrize("change", ["amount", "signature", "reference"])
def test_a_signature_over_something_else_is_found_when_it_is_verified(change: str) -> None:
    network = make_economy()
    made = preissue_eur(network)
    values = {
        "amount": Amount(11),
        "signature": Signature(bytes(64)),
        "reference": make_reference(network, "batch 2"),
    }
    candidates = [
        network.prepare("issuer", body)
        for body in (made, replace(made, **{change: values[change]}))
    ]
    found = find_false_signatures([make_job(each) for each in candidates])
    assert found == [None, get_public_key("pre-issuer")]
