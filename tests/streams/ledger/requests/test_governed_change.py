"""A governed change is applied when people have agreed, and some things only so."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import (
    U64,
    AccessRule,
    Action,
    Price,
    SignerData,
    TransactionResource,
)
from schemas.generated.operations import (
    CreateAccountRole,
    CreateAccountRule,
    CreateAssetPair,
    CreateSigner,
    CreateSignerRole,
    CreateSignerRule,
    ManageAccountRole,
    ManageAccountRule,
    ManageApprovalPolicy,
    ManageAssetHalt,
    ManageAssetPair,
    ManageAssetPairCode,
    ManageSigner,
    ManageSignerRole,
    ManageSignerRule,
    RemoveApprovalPolicy,
    ReviewRequestCode,
    UpdatePairPolicies,
    UpdatePrice,
)
from schemas.generated.transactions import (
    FulfilmentCode,
    FulfilmentRefused,
    OperationCode,
    RefusalDetail,
)
from streams.ledger.values import MASTER_ROLE, MASTER_SIGNER_ROLE
from tests.streams.ledger.operations.cases import put
from tests.support.network import (
    Network,
    create_asset,
    get_account,
    get_public_key,
    make_economy,
    review,
)
from tests.support.requests import govern, put_policy

RULE = AccessRule(TransactionResource(), Action.SEND, forbids=False)
REMOVE = ManageApprovalPolicy("governed_change", "", RemoveApprovalPolicy())
GUARDED = (
    REMOVE,
    put_policy("issuance", 1),
    ManageAccountRule(CreateAccountRule("send", RULE, b"", is_read_only=False)),
    ManageAccountRole(
        CreateAccountRole("sender", (), b"", None, is_read_only=False, pays_for_operations=False)
    ),
    ManageSignerRule(CreateSignerRule("send", RULE, b"", is_default=False, is_read_only=False)),
    ManageSignerRole(CreateSignerRole("sender", (), b"", None, is_read_only=False)),
    ManageAssetPair("EUR", "USD", UpdatePairPolicies(U64(1), 1)),
)


def make_network(*bodies: Any) -> Network:
    """Governed changes need anna's and ben's approval."""
    network = make_economy()
    for identity, name in enumerate(("anna", "ben"), 1):
        data = SignerData(get_public_key(name), MASTER_SIGNER_ROLE, 1000, identity, b"")
        network.apply("master", ManageSigner(CreateSigner(data)))
    network.apply("master", *bodies, put_policy("governed_change", 2))
    return network


def get_outcome(network: Network, body: Any, *signers: str) -> Any:
    closed = network.apply_signed("master", signers or ("master",), body)
    assert closed.applied[0].defect is None
    return closed.applied[0].result.operations[0].outcome


@pytest.mark.parametrize("body", GUARDED, ids=lambda body: type(body).__name__)
def test_under_a_policy_one_alone_changes_nothing(body: Any) -> None:
    assert get_outcome(make_network(), body) is OperationCode.GOVERNED_CHANGE_NEEDED


def test_reviewers_change_the_policy_that_binds_them() -> None:
    network = make_network()
    get_outcome(network, govern(REMOVE))
    assert not get_outcome(network, review(network, 4), "anna").fulfilled
    assert get_outcome(network, review(network, 4), "ben").fulfilled
    assert network.ledger.state.get_approval_policy("governed_change", "") is None
    assert not hasattr(get_outcome(network, GUARDED[2]), "name"), "nothing binds any more"


def test_a_price_beyond_the_step_is_set_by_agreement() -> None:
    network = make_economy()
    network.apply("issuer", create_asset("USD"))
    at_ms = network.ledger.header.close_time_ms
    pair = CreateAssetPair(Price(1, 1), U64(1), U64(at_ms), U64(60_000), 1_000_000)
    network.apply("master", ManageAssetPair("EUR", "USD", pair))
    update = ManageAssetPair("EUR", "USD", UpdatePrice(Price(2, 1), U64(2), U64(at_ms)))
    assert get_outcome(network, update) is ManageAssetPairCode.PRICE_STEP_EXCEEDED
    assert get_outcome(network, govern(update)).fulfilled
    found = network.ledger.state.get_asset_pair("EUR", "USD")
    assert found is not None
    assert found.price == Price(2, 1)


def test_an_assets_own_policy_is_asked_for_its_halts() -> None:
    network = make_network()
    network.apply("master", ManageAssetHalt("EUR", True, None))
    get_outcome(network, govern(put_policy("governed_change", 1, asset="EUR")))
    for name in ("anna", "ben"):
        get_outcome(network, review(network, 4), name)
    get_outcome(network, govern(ManageAssetHalt("EUR", False, None)))
    assert get_outcome(network, review(network, 5), "anna").fulfilled
    assert network.ledger.state.get_asset_halt("EUR") is None


def test_the_requestors_role_is_asked_again() -> None:
    """The issuer was allowed to lift halts when it asked for it."""
    network = make_network()
    network.apply("master", ManageAssetHalt("EUR", True, None))
    issuer = network.ledger.state.get_account(get_account("issuer"))
    assert issuer is not None
    put(network, replace(issuer, role_id=U64(MASTER_ROLE)))
    network.apply("issuer", govern(ManageAssetHalt("EUR", False, None)))
    put(network, issuer)
    closed = network.apply_signed("master", ["anna", "ben"], review(network, 4))
    [result] = closed.applied[0].result.operations
    cause = "operation_code.NO_ROLE_PERMISSION"
    assert result.detail == RefusalDetail(FulfilmentRefused(FulfilmentCode.CHANGE_REFUSED, cause))


def test_what_changed_meanwhile_refuses_it() -> None:
    network = make_network(put_policy("issuance", 1))
    remove = ManageApprovalPolicy("issuance", "", RemoveApprovalPolicy())
    for _ in range(2):
        network.apply("master", govern(remove))
    assert get_outcome(network, review(network, 4), "anna", "ben").fulfilled
    closed = network.apply_signed("master", ["anna", "ben"], review(network, 5))
    [result] = closed.applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    cause = "manage_approval_policy_code.NOT_FOUND"
    assert result.detail == RefusalDetail(FulfilmentRefused(FulfilmentCode.CHANGE_REFUSED, cause))
