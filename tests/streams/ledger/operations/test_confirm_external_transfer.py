"""ConfirmExternalTransfer, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.entries import TransferState
from schemas.generated.operations import ConfirmExternalTransferCode
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.border import commit, confirm, confirm_first, get_transfer, sign, sign_by_two
from tests.support.network import Network, get_account, make_economy

Code = ConfirmExternalTransferCode


def signed(network: Network) -> None:
    commit(network)
    sign_by_two(network)


def check_signed(network: Network, _: OperationResult) -> None:
    found = get_transfer(network)
    assert found.state is TransferState.CONFIRMED
    assert found.versions[-1].confirmed == (0, 1)
    request = network.ledger.state.get_reviewable_request(found.requests[0])
    assert request is not None
    assert request.pending_tasks == 256


CASES = (
    Case(
        "two of three",
        "master",
        confirm,
        changes=("ExternalTransfer changed", "ReviewableRequest changed"),
        given=signed,
        check=check_signed,
    ),
    Case(
        "a slot twice",
        "master",
        lambda network: confirm(network, slots=(1, 1)),
        Code.INVALID_SLOTS,
        given=signed,
    ),
    Case("again", "master", confirm, Code.NOT_COMMITTED, given=confirm_first),
    Case(
        "another version",
        "master",
        lambda network: replace(confirm(network), version=2),
        Code.VERSION_MISMATCHED,
        given=signed,
    ),
    Case(
        "too few",
        "master",
        lambda network: confirm(network, slots=(0,)),
        Code.WRONG_NUMBER,
        given=signed,
    ),
    Case(
        "one who has not signed",
        "master",
        lambda network: confirm(network, slots=(0, 2)),
        Code.SIGNATURE_NOT_FOUND,
        given=signed,
    ),
    Case(
        "a slot of nobody",
        "master",
        lambda network: confirm(network, slots=(0, 9)),
        Code.SIGNATURE_NOT_FOUND,
        given=signed,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_confirm_external_transfer(case: Case) -> None:
    run_case(case)


def test_one_bad_cosigner_stalls_nothing() -> None:
    """The first signed garbage: the services name the two others."""
    network = make_economy()
    signed(network)
    network.apply("cosigner 3", sign(network))
    network.apply("master", confirm(network, slots=(1, 2)))
    assert get_transfer(network).versions[-1].confirmed == (1, 2)
    assert network.ledger.state.get_transfer_signature(1, 1, get_account("cosigner 1"))
