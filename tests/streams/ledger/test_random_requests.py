"""Whatever people do with requests, in whatever order: nothing breaks, nothing is lost.

Every ledger checks the invariants of what it changed; here all of the state is checked in the end,
and that nothing but what requests hold is held.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.generated import keys
from schemas.generated.common import U64, Amount, SignerData
from schemas.generated.entries import ReviewableRequest
from schemas.generated.operations import (
    CancelAssetRequest,
    CreateSigner,
    ManageApprovalPolicy,
    ManageAsset,
    ManageAssetHalt,
    ManageSigner,
    RemoveApprovalPolicy,
    RemoveAsset,
    RemoveSigner,
    ReviewAction,
    UpdateAsset,
)
from schemas.generated.requests import IssuanceRequest
from schemas.generated.transactions import TransactionCode
from streams.ledger.invariants import check_everything
from streams.ledger.values import MASTER_SIGNER_ROLE
from tests.streams.ledger.operations.cases import put
from tests.support.network import Network, create_asset, get_public_key, issue, make_economy, review
from tests.support.requests import govern, preissue, put_policy

Step = Callable[[Network, int], tuple[str, list[str], Any] | None]
"""Who acts, who signs, what; None: it cannot be done now."""

REVIEWERS = ("anna", "ben", "carl")
KINDS = ("issuance", "preissuance", "create_asset", "update_asset", "governed_change")
CODES = ("EUR", "USD", "BTC")


def get_requests(network: Network) -> list[ReviewableRequest]:
    state = network.ledger.state
    branch = keys.REVIEWABLE_REQUEST[0]
    numbers = sorted(int.from_bytes(key[1:]) for key in state.encoded if key[0] == branch)
    found = [state.get_reviewable_request(number) for number in numbers]
    return [each for each in found if each is not None]


def pick(network: Network, number: int) -> ReviewableRequest | None:
    requests = get_requests(network)
    return requests[number % len(requests)] if requests else None


def get_tasks(number: int) -> int | None:
    return (None, 16, 48)[number % 3]


def ask_issuance(network: Network, number: int) -> Any:
    made = issue(network, ("alice", "bob")[number % 2], "EUR", 1 + number % 40, f"i{number}")
    return "issuer", ["issuer"], replace(made, all_tasks=get_tasks(number))


def ask_preissuance(network: Network, number: int) -> Any:
    made = preissue(network, "EUR", 1 + number % 30, f"p{number}")
    return "issuer", ["issuer"], replace(made, all_tasks=get_tasks(number))


def ask_asset(_: Network, number: int) -> Any:
    return "issuer", ["issuer"], create_asset(CODES[number % 3], tasks=get_tasks(number))


def ask_update(network: Network, number: int) -> Any:
    code = CODES[number % 3]
    if network.ledger.state.get_asset(code) is None:
        return None
    update = UpdateAsset(code, 1 + 2 * (number % 2), b"", get_tasks(number))
    return "issuer", ["issuer"], ManageAsset(U64(0), update)


def edit(network: Network, number: int) -> Any:
    request = pick(network, number)
    if request is None:
        return None
    return (
        "issuer",
        ["issuer"],
        replace(create_asset(CODES[number % 3]), request_id=request.request_id),
    )


def cancel(network: Network, number: int) -> Any:
    request = pick(network, number)
    if request is None:
        return None
    return "issuer", ["issuer"], ManageAsset(request.request_id, CancelAssetRequest())


def decide(network: Network, number: int) -> Any:
    request = pick(network, number)
    if request is None:
        return None
    action = tuple(ReviewAction)[number % 4]
    changes = {}
    if action is ReviewAction.APPROVE:
        changes["tasks_to_remove"] = request.pending_tasks & (~5 if number % 3 else 16)
    signers = sorted({REVIEWERS[number % 3], ("master", *REVIEWERS)[number // 3 % 4]})
    return "master", signers, review(network, request.request_id, action, **changes)


def put_a_policy(_: Network, number: int) -> Any:
    kind = KINDS[number % 5]
    delay_ms = 2_000 if number % 3 == 0 else 0
    return "master", ["master"], put_policy(kind, 1 + number % 2, delay_ms)


def remove_a_policy(_: Network, number: int) -> Any:
    remove = ManageApprovalPolicy(KINDS[number % 5], "", RemoveApprovalPolicy())
    return "master", ["master"], govern(remove, get_tasks(number)) if number % 2 else remove


def halt(_: Network, number: int) -> Any:
    if number % 2:
        return "master", ["master"], ManageAssetHalt("EUR", True, None)
    return "master", ["anna"], govern(ManageAssetHalt("EUR", False, None))


def change_reviewer(network: Network, number: int) -> Any:
    name = REVIEWERS[number % 3]
    if can_sign(network, name):
        return "master", ["master"], ManageSigner(RemoveSigner(get_public_key(name)))
    return "master", ["master"], ManageSigner(CreateSigner(get_signer(name, number % 4)))


def remove_an_asset(network: Network, number: int) -> Any:
    code = CODES[number % 3]
    if network.ledger.state.get_asset(code) is None:
        return None
    return "issuer", ["issuer"], RemoveAsset(code)


def get_signer(name: str, identity: int) -> SignerData:
    return SignerData(get_public_key(name), MASTER_SIGNER_ROLE, 1000, identity, b"")


STEPS: tuple[Step, ...] = (
    ask_issuance,
    ask_preissuance,
    ask_asset,
    ask_update,
    edit,
    cancel,
    decide,
    decide,
    decide,
    put_a_policy,
    remove_a_policy,
    halt,
    change_reviewer,
    remove_an_asset,
)


def make_network() -> Network:
    """EUR is nearly exhausted, so that its maximum and what is issuable are met."""
    network = make_economy()
    asset = network.ledger.state.get_asset("EUR")
    supply = network.ledger.state.get_asset_supply("EUR")
    assert asset is not None
    assert supply is not None
    put(network, replace(asset, max_issuance_amount=Amount(supply.issued + 200)))
    put(network, replace(supply, available_for_issuance=Amount(50)))
    signers = [ManageSigner(CreateSigner(get_signer(n, i))) for i, n in enumerate(REVIEWERS, 1)]
    network.apply("master", *signers)
    return network


def can_sign(network: Network, name: str) -> bool:
    """Reviewers are removed and come back."""
    state = network.ledger.state
    master = state.get_network_settings().master_account
    return name not in REVIEWERS or state.get_signer(master, get_public_key(name)) is not None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9_999)), min_size=10, max_size=40))
def test_nothing_breaks_whatever_is_done(steps: list[tuple[Step, int]]) -> None:
    network = make_network()
    for place, (step, number) in enumerate(steps):
        made = step(network, 10_000 * place + number)
        if made is None:
            continue
        source, signers, body = made
        present = [each for each in signers if can_sign(network, each)]
        if not present:
            continue
        applied = network.apply_signed(source, present, body).applied[0]
        assert applied.defect is None
        assert applied.result.code is not TransactionCode.INTERNAL_ERROR
    state = network.ledger.state
    check_everything(state)
    promised = sum(
        request.body.amount
        for request in get_requests(network)
        if isinstance(request.body, IssuanceRequest)
    )
    supply = state.get_asset_supply("EUR")
    assert supply is not None
    assert supply.pending_issuance == promised
    assert supply.issued == sum(network.get_amount(name, "EUR") for name in ("alice", "bob"))
