"""SubmitExternalTransfer, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64
from schemas.generated.operations import SubmitExternalTransfer, SubmitExternalTransferCode
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.streams.ledger.operations.transfers import bank, open_bank
from tests.support.border import confirm, get_transfer, sign_by_two
from tests.support.network import Network

Code = SubmitExternalTransferCode
SUBMIT = SubmitExternalTransfer(U64(1), 1)


def commit_file(network: Network) -> None:
    """bob uploads it."""
    open_bank(network)
    network.apply("master", bank(network))


def confirm_file(network: Network) -> None:
    commit_file(network)
    sign_by_two(network)
    network.apply("master", confirm(network))


def submit_first(network: Network) -> None:
    confirm_file(network)
    network.apply("bob", SUBMIT)


def check_submitted(network: Network, _: OperationResult) -> None:
    assert get_transfer(network).submitted_at_ms == network.ledger.header.close_time_ms


CASES = (
    Case(
        "the file",
        "bob",
        lambda _: SUBMIT,
        changes=("ExternalTransfer changed",),
        given=confirm_file,
        check=check_submitted,
    ),
    Case("another", "alice", lambda _: SUBMIT, Code.NOT_THE_SUBMITTER, given=confirm_file),
    Case("again", "bob", lambda _: SUBMIT, Code.ALREADY_SUBMITTED, given=submit_first),
    Case("not confirmed", "bob", lambda _: SUBMIT, Code.NOT_CONFIRMED, given=commit_file),
    Case(
        "another version",
        "bob",
        lambda _: replace(SUBMIT, version=2),
        Code.VERSION_MISMATCHED,
        given=confirm_file,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_submit_external_transfer(case: Case) -> None:
    run_case(case)
