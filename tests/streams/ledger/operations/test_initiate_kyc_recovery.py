"""InitiateKycRecovery, case by case."""

from typing import Any

import pytest

from schemas.generated.operations import (
    InitiateKycRecovery,
    InitiateKycRecoveryCode,
    ManageKeyValue,
    PutKeyValue,
    U32Value,
    U64Value,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.values import DEFAULT_SIGNER_ROLE
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, get_account, get_public_key

Code = InitiateKycRecoveryCode


def initiate(name: str = "alice") -> InitiateKycRecovery:
    return InitiateKycRecovery(get_account(name), get_public_key("new"))


def put_key_value(network: Network, key: str, value: Any) -> None:
    network.apply("master", ManageKeyValue(key, PutKeyValue(value)))


def enable(network: Network) -> None:
    put_key_value(network, "kyc_recovery_enabled", U32Value(1))


def allow(network: Network) -> None:
    enable(network)
    put_key_value(network, "kyc_recovery_signer_role", U64Value(DEFAULT_SIGNER_ROLE))


def allow_without_role(network: Network) -> None:
    enable(network)
    put_key_value(network, "kyc_recovery_signer_role", U64Value(77))


def disable(network: Network) -> None:
    allow(network)
    put_key_value(network, "kyc_recovery_enabled", U32Value(0))


def check_signers(network: Network, _: OperationResult) -> None:
    state, alice = network.ledger.state, get_account("alice")
    account, signer = state.get_account(alice), state.get_signer(alice, get_public_key("new"))
    assert account is not None
    assert account.signers == (get_public_key("new"),)
    assert signer is not None
    assert (signer.data.role_id, signer.data.weight) == (DEFAULT_SIGNER_ROLE, 1000)


CASES = (
    Case(
        "for who has lost the keys",
        "master",
        lambda _: initiate(),
        given=allow,
        changes=(
            "Account changed",
            "Signer removed",
            "Signer made",
            "AccessUse changed",
            "AccessUse made",
        ),
        check=check_signers,
    ),
    Case("not configured", "master", lambda _: initiate(), Code.RECOVERY_NOT_ALLOWED),
    Case("not enabled", "master", lambda _: initiate(), Code.RECOVERY_NOT_ALLOWED, given=disable),
    Case(
        "without a role for it",
        "master",
        lambda _: initiate(),
        Code.RECOVERY_SIGNER_ROLE_NOT_FOUND,
        given=allow_without_role,
    ),
    Case(
        "of the master",
        "master",
        lambda _: initiate("master"),
        Code.MASTER_NOT_ALLOWED,
        given=allow,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_initiate_kyc_recovery(case: Case) -> None:
    run_case(case)
