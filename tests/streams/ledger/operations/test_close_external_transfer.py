"""CloseExternalTransfer, case by case."""

from collections import Counter

import pytest

from schemas.generated import keys
from schemas.generated.common import TransferOutcome
from schemas.generated.entries import ExternalTransfer, TransferPayload
from schemas.generated.operations import CloseExternalTransferCode
from schemas.generated.transactions import OperationCode
from tests.streams.ledger.operations.cases import Case, run_case
from tests.streams.ledger.operations.transfers import commit_and_cancel
from tests.support.border import (
    ask,
    close,
    commit,
    confirm_first,
    replace_transfer,
    settle,
    settle_first,
    sign,
    transfer,
)
from tests.support.network import Network, make_economy

Code = CloseExternalTransferCode
CONFLICTED = TransferOutcome.CONFLICTED


def settle_the_cancel(network: Network) -> None:
    commit_and_cancel(network)
    network.apply("master", settle(2))


def settle_both(network: Network) -> None:
    settle_the_cancel(network)
    network.apply("master", settle(1, CONFLICTED))


CASES = (
    Case(
        "with all that is kept of it",
        "master",
        lambda _: close(),
        changes=(
            "ExternalTransfer removed",
            "TransferPayload removed",
            *("TransferSignature removed",) * 2,
            "UsedResource removed",
        ),
        given=settle_first,
    ),
    Case(
        "a cancel",
        "master",
        lambda _: close(2),
        changes=(
            "ExternalTransfer changed",
            "ExternalTransfer removed",
            "TransferPayload removed",
        ),
        given=settle_both,
    ),
    Case("open", "master", lambda _: close(), Code.NOT_SETTLED, given=commit),
    Case("before its cancel", "master", lambda _: close(), Code.CANCEL_IS_OPEN, given=settle_both),
    Case(
        "a cancel whose parent is open",
        "master",
        lambda _: close(2),
        Code.PARENT_IS_OPEN,
        given=settle_the_cancel,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_close_external_transfer(case: Case) -> None:
    run_case(case)


def test_nothing_is_left_and_its_number_is_not_given_out_again() -> None:
    network = make_economy()
    confirm_first(network)
    network.apply("master", replace_transfer(network))
    network.apply("cosigner 3", sign(network))
    network.apply("master", settle())
    applied = network.apply("master", close()).applied[0]
    removed = Counter(key[:1] for key, _, after in applied.changes if after is None)
    assert removed[keys.transfer_payload_key(0, 1)[:1]] == 2
    assert removed[keys.transfer_signature_key(0, 1, bytes(32))[:1]] == 3  # type: ignore[arg-type]
    network.apply("master", transfer(network, ask(network)))
    assert network.ledger.state.get_external_transfer(2) is not None
    kinds = [type(network.ledger.state.get(key)) for key in network.ledger.state.encoded]
    assert kinds.count(ExternalTransfer) == kinds.count(TransferPayload) == 1


def test_it_is_not_closed_in_the_ledger_that_settles_it() -> None:
    network = make_economy()
    confirm_first(network)
    results = network.apply("master", settle(), close()).applied[0].result.operations
    assert [each.outcome for each in results] == [OperationCode.ROLLED_BACK, Code.NOT_SETTLED]
