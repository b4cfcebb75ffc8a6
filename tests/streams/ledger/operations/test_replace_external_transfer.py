"""ReplaceExternalTransfer, case by case."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.entries import TransferState, TransferVersion
from schemas.generated.operations import ReplaceExternalTransferCode
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.streams.ledger.operations.test_submit_external_transfer import submit_first
from tests.streams.ledger.operations.transfers import (
    commit_and_cancel,
    refill_once,
)
from tests.support.border import (
    commit,
    confirm_first,
    get_transfer,
    nonce,
    replace_transfer,
    settle_first,
    sign,
    utxo,
)
from tests.support.network import Network, get_account, make_economy

Code = ReplaceExternalTransferCode


def make(*resources: Any, transfer_id: int = 1) -> Any:
    return lambda network: replace_transfer(network, transfer_id, *resources)


def replace_many(network: Network) -> None:
    commit(network)
    for _ in range(15):
        network.apply("master", replace_transfer(network))


def use_many(network: Network) -> None:
    refill_once(network)
    found = get_transfer(network)
    put(network, replace(found, resources=found.resources * 100))


def check_replaced(network: Network, _: OperationResult) -> None:
    found = get_transfer(network)
    assert found.state is TransferState.COMMITTED
    assert found.versions[1:] == (TransferVersion(2, 1, ()),)


MADE = ("ExternalTransfer changed", "TransferPayload made")
CASES = (
    Case(
        "what was confirmed",
        "master",
        make(),
        changes=MADE,
        given=confirm_first,
        check=check_replaced,
    ),
    Case(
        "with another coin",
        "master",
        make(utxo(1)),
        changes=(*MADE, "UsedResource made"),
        given=refill_once,
    ),
    Case("another nonce", "master", make(nonce(1)), Code.INVALID_RESOURCES, given=commit),
    Case(
        "another chain's coin",
        "master",
        make(utxo(1, "eip155:1")),
        Code.INVALID_RESOURCES,
        given=commit,
    ),
    Case(
        "no payload",
        "master",
        lambda network: replace(replace_transfer(network), payload=b""),
        Code.INVALID_PAYLOAD,
        given=commit,
    ),
    Case("settled", "master", make(), Code.TRANSFER_IS_SETTLED, given=settle_first),
    Case("uploaded", "master", make(), Code.TRANSFER_IS_SUBMITTED, given=submit_first),
    Case(
        "another version",
        "master",
        lambda network: replace(replace_transfer(network), version=2),
        Code.VERSION_MISMATCHED,
        given=commit,
    ),
    Case("for the 16th time", "master", make(), Code.TOO_MANY_VERSIONS, given=replace_many),
    Case("a coin too many", "master", make(utxo(1)), Code.TOO_MANY_RESOURCES, given=use_many),
    Case(
        "a coin more than its cancel has",
        "master",
        make(utxo(1)),
        Code.RESOURCES_ARE_SHARED,
        given=commit_and_cancel,
    ),
    Case(
        "a coin more than its parent has",
        "master",
        make(utxo(1), transfer_id=2),
        Code.RESOURCES_ARE_SHARED,
        given=commit_and_cancel,
    ),
    Case("its own coin", "master", make(utxo(0)), Code.RESOURCE_IN_USE, given=refill_once),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_replace_external_transfer(case: Case) -> None:
    run_case(case)


def test_cosigners_sign_anew_and_earlier_signatures_stay() -> None:
    network = make_economy()
    confirm_first(network)
    network.apply("master", replace_transfer(network))
    network.apply("cosigner 1", sign(network))
    state, account = network.ledger.state, get_account("cosigner 1")
    assert all(state.get_transfer_signature(1, version, account) for version in (1, 2))
