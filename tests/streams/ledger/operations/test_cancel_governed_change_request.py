"""CancelGovernedChangeRequest, case by case."""

import pytest

from schemas.generated.common import U64
from schemas.generated.operations import (
    CancelGovernedChangeRequest,
    CancelGovernedChangeRequestCode,
)
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, create_asset
from tests.support.requests import govern, put_policy

Code = CancelGovernedChangeRequestCode


def cancel(network: Network) -> CancelGovernedChangeRequest:
    return CancelGovernedChangeRequest(U64(network.ledger.state.get_counters().request))


def ask(network: Network) -> None:
    network.apply("master", govern(put_policy("issuance", 2), 16))


def ask_for_asset(network: Network) -> None:
    network.apply("issuer", create_asset("USD", tasks=16))


CASES = (
    Case("pending", "master", cancel, given=ask, changes=("ReviewableRequest removed",)),
    Case("another's", "issuer", cancel, Code.REQUEST_NOT_FOUND, given=ask),
    Case("of another kind", "issuer", cancel, Code.REQUEST_NOT_FOUND, given=ask_for_asset),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cancel_governed_change_request(case: Case) -> None:
    run_case(case)
