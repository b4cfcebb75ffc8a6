"""Approval policies: who counts as a reviewer, when approvals lapse, which terms apply.

The master account has the signers anna, ben and carl beside its own key, each one reviewer.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, SignerData
from schemas.generated.entries import ReviewableRequest
from schemas.generated.operations import (
    CreateSigner,
    ManageApprovalPolicy,
    ManageSigner,
    RemoveApprovalPolicy,
    RemoveSigner,
    ReviewAction,
    ReviewRequestCode,
    ReviewRequestResult,
    UpdateSigner,
)
from schemas.generated.transactions import FulfilmentCode, TransactionCode
from streams.ledger.simulation import simulate_transaction
from streams.ledger.values import MASTER_SIGNER_ROLE
from tests.streams.ledger.operations.cases import make_account_role, make_signer_role, put
from tests.support.network import (
    Network,
    create_asset,
    get_account,
    get_public_key,
    issue,
    make_economy,
    review,
)
from tests.support.requests import put_policy

REVIEWERS = ("anna", "ben", "carl")
APPROVALS = 8
DAY_MS = 86_400_000


def get_data(name: str, identity: int) -> SignerData:
    return SignerData(get_public_key(name), MASTER_SIGNER_ROLE, 1000, identity, b"")


def make_network(reviewers: int = 2, delay_ms: int = 0, **policy: Any) -> Network:
    """Issuances are under a policy."""
    network = make_economy()
    signers = [ManageSigner(CreateSigner(get_data(n, 1 + i))) for i, n in enumerate(REVIEWERS)]
    network.apply("master", *signers, put_policy("issuance", reviewers, delay_ms, **policy))
    return network


def ask(network: Network, amount: int = 10, tasks: int | None = None) -> None:
    """Request 4, of the issuer."""
    asked = replace(issue(network, "alice", "EUR", amount, "salary"), all_tasks=tasks)
    network.apply("issuer", asked)


def get_request(network: Network) -> ReviewableRequest:
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    return request


def apply_review(
    network: Network,
    signers: Sequence[str],
    action: ReviewAction = ReviewAction.APPROVE,
    interval_ms: int = 1_000,
    **changes: Any,
) -> Any:
    """The outcome of a review of request 4 by the master account."""
    changes.setdefault("tasks_to_remove", APPROVALS if action is ReviewAction.APPROVE else 0)
    made = review(network, 4, action, **changes)
    closed = network.apply_signed("master", signers, made, interval_ms=interval_ms)
    return closed.applied[0].result.operations[0].outcome


def test_distinct_reviewers_approve_one_by_one() -> None:
    network = make_network()
    ask(network)
    assert get_request(network).pending_tasks == APPROVALS
    assert apply_review(network, ["anna"]) == ReviewRequestResult(False, APPROVALS, 1, None)
    assert apply_review(network, ["anna"]) is ReviewRequestCode.REVIEWER_DOES_NOT_COUNT
    assert apply_review(network, ["ben"]) == ReviewRequestResult(True, 0, 2, None)
    assert network.get_amount("alice", "EUR") == 1_000_010


def test_signatures_of_one_transaction_count_each() -> None:
    network = make_network()
    ask(network)
    assert apply_review(network, ["anna", "ben"]) == ReviewRequestResult(True, 0, 2, None)


def test_two_keys_of_one_identity_are_one_reviewer() -> None:
    network = make_network()
    network.apply("master", ManageSigner(CreateSigner(get_data("anna's other key", 1))))
    ask(network)
    assert apply_review(network, ["anna", "anna's other key"]).approvals == 1


def test_an_approval_without_the_bit_only_does_tasks() -> None:
    network = make_network()
    ask(network, tasks=16)
    assert apply_review(network, ["anna"], tasks_to_remove=16).approvals == 0
    assert apply_review(network, ["anna", "ben"]).fulfilled


def test_the_last_task_may_come_after_the_approvals() -> None:
    network = make_network()
    ask(network, tasks=16)
    assert apply_review(network, ["anna", "ben"]) == ReviewRequestResult(False, 16, 2, None)
    assert apply_review(network, ["carl"], tasks_to_remove=16).fulfilled


def test_the_requestors_signers_do_not_count() -> None:
    network = make_network()
    network.apply("issuer", ManageSigner(CreateSigner(get_data("anna", 7))))
    ask(network)
    assert apply_review(network, ["anna"]) is ReviewRequestCode.REVIEWER_DOES_NOT_COUNT
    assert apply_review(network, ["anna", "ben"]).approvals == 1


def test_of_its_own_request_an_account_counts_those_who_did_not_sign_it() -> None:
    network = make_network()
    network.apply("master", put_policy("create_asset", 1))
    network.apply_signed("master", ["anna"], create_asset("USD"))
    other = ManageSigner(CreateSigner(get_data("anna's other key", 1)))
    network.apply("master", other)
    for name in ("anna", "anna's other key"):
        assert apply_review(network, [name]) is ReviewRequestCode.REVIEWER_DOES_NOT_COUNT
    assert apply_review(network, ["ben"]).fulfilled


def test_who_edited_a_request_does_not_count() -> None:
    network = make_network()
    network.apply("master", put_policy("create_asset", 2))
    network.apply_signed("master", ["anna"], create_asset("USD"))
    apply_review(network, ["carl"])
    apply_review(network, ["carl"], ReviewAction.REJECT)
    network.apply_signed("master", ["ben"], replace(create_asset("USD"), request_id=U64(4)))
    request = get_request(network)
    assert (request.sequence_number, request.approvals) == (2, ()), "approvals lapse with an edit"
    for name in ("anna", "ben"):
        assert apply_review(network, [name]) is ReviewRequestCode.REVIEWER_DOES_NOT_COUNT
    assert apply_review(network, ["carl", "master"]).fulfilled


@pytest.mark.parametrize("way", ["removed", "another identity", "another role"])
def test_an_approval_lapses_with_its_signer(way: str) -> None:
    network = make_network()
    ask(network)
    apply_review(network, ["anna"])
    data = get_data("anna", 1)
    if way == "removed":
        network.apply("master", ManageSigner(RemoveSigner(data.public_key)))
    elif way == "another identity":
        network.apply("master", ManageSigner(UpdateSigner(replace(data, identity=9))))
    else:
        put(network, make_signer_role(50, "nothing"))
        network.apply("master", ManageSigner(UpdateSigner(replace(data, role_id=U64(50)))))
    assert apply_review(network, ["ben"]).approvals == 1
    assert apply_review(network, ["carl"]).fulfilled


@pytest.mark.parametrize(("created", "now", "needed"), [(1, 3, 3), (3, 1, 3), (0, 2, 2), (2, 0, 2)])
def test_the_stricter_of_the_policies_at_creation_and_now_applies(
    created: int, now: int, needed: int
) -> None:
    network = make_network()
    remove = ManageApprovalPolicy("issuance", "", RemoveApprovalPolicy())
    network.apply("master", put_policy("issuance", created) if created else remove)
    ask(network, tasks=16)
    network.apply("master", remove if not now and created else put_policy("issuance", now or 1))
    assert apply_review(network, REVIEWERS[: needed - 1], tasks_to_remove=16 | APPROVALS) == (
        ReviewRequestResult(False, APPROVALS, needed - 1, None)
    )
    assert apply_review(network, [REVIEWERS[needed - 1]]).fulfilled


def test_a_policy_that_was_put_and_removed_meanwhile_binds_nobody() -> None:
    network = make_network()
    remove = ManageApprovalPolicy("issuance", "", RemoveApprovalPolicy())
    network.apply("master", remove)
    ask(network, tasks=16 | 32)
    network.apply("master", put_policy("issuance", 2))
    assert apply_review(network, ["anna"], tasks_to_remove=16).pending_tasks == 32 | APPROVALS
    network.apply("master", remove)
    assert apply_review(network, ["anna"], tasks_to_remove=32).fulfilled


def test_an_amount_outside_of_the_ranges_is_under_no_policy() -> None:
    network = make_network(asset="EUR", lower=10)
    ask(network, 9)
    assert network.get_amount("alice", "EUR") == 1_000_009


def test_an_assets_own_policy_takes_the_place_of_the_general_one() -> None:
    network = make_network(3)
    network.apply("master", put_policy("issuance", 1, asset="EUR"))
    ask(network)
    assert apply_review(network, ["anna"]).fulfilled


def test_the_delay_runs_from_the_last_approval_and_an_execution_ends_it() -> None:
    network = make_network(2, DAY_MS)
    ask(network)
    apply_review(network, ["anna"])
    approved = apply_review(network, ["ben"])
    due_ms = network.ledger.header.close_time_ms + DAY_MS
    assert approved == ReviewRequestResult(False, APPROVALS, 2, due_ms)
    execute = ReviewAction.EXECUTE
    early = DAY_MS - 1
    refused = apply_review(network, ["carl"], execute, interval_ms=early)
    assert refused is ReviewRequestCode.DELAY_NOT_PASSED
    assert apply_review(network, ["carl"], execute, interval_ms=1).fulfilled
    assert network.get_amount("alice", "EUR") == 1_000_010


def test_a_lapsed_approval_begins_the_delay_anew() -> None:
    network = make_network(2, DAY_MS)
    ask(network)
    apply_review(network, ["anna", "ben"])
    network.apply("master", ManageSigner(RemoveSigner(get_public_key("anna"))))
    refused = apply_review(network, ["carl"], ReviewAction.EXECUTE, interval_ms=DAY_MS)
    assert refused is ReviewRequestCode.APPROVALS_MISSING
    due_ms = network.ledger.header.close_time_ms + 1_000 + DAY_MS
    assert apply_review(network, ["carl"]).executable_at_ms == due_ms


def test_a_requestor_who_was_blocked_meanwhile_gets_nothing() -> None:
    network = make_network()
    ask(network)
    issuer = network.ledger.state.get_account(get_account("issuer"))
    assert issuer is not None
    put(network, make_account_role(50, "blocked"), replace(issuer, role_id=U64(50)))
    made = review(network, 4, tasks_to_remove=APPROVALS)
    closed = network.apply_signed("master", ["anna", "ben"], made)
    [result] = closed.applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail is not None
    assert result.detail.data.code is FulfilmentCode.REQUESTOR_NOT_ALLOWED  # type: ignore[union-attr]


def test_a_dry_run_counts_those_who_signed() -> None:
    network = make_network(1)
    ask(network)
    made = review(network, 4, tasks_to_remove=APPROVALS)
    before = get_request(network)
    for signers, is_fulfilled in ((("anna",), True), (("master",), True), ((), False)):
        transaction = network.build("master", made)
        candidate = network.admit(network.sign(transaction, *signers))
        time_ms = network.ledger.header.close_time_ms + 1_000
        simulated = simulate_transaction(network.ledger, candidate, time_ms)
        assert (simulated.result.code is TransactionCode.SUCCESS) == is_fulfilled
    assert get_request(network) == before
