"""CancelChangeRoleRequest, case by case."""

import pytest

from schemas.generated.operations import (
    CancelChangeRoleRequest,
    CancelChangeRoleRequestCode,
)
from tests.streams.ledger.operations.cases import Case, run_case
from tests.streams.ledger.operations.test_create_change_role_request import (
    FIRST_REQUEST,
    ask_once,
    reject_once,
)
from tests.support.network import Network, create_asset

Code = CancelChangeRoleRequestCode
GONE = ("ReviewableRequest removed", "AccountReservation removed")


def cancel(_: Network) -> CancelChangeRoleRequest:
    return CancelChangeRoleRequest(FIRST_REQUEST)


def ask_for_asset(network: Network) -> None:
    network.apply("issuer", create_asset("USD", tasks=16))


CASES = (
    Case("pending", "alice", cancel, given=ask_once, changes=GONE),
    Case("rejected", "alice", cancel, given=reject_once, changes=GONE),
    Case("another's", "bob", cancel, Code.REQUEST_NOT_FOUND, given=ask_once),
    Case("of another kind", "issuer", cancel, Code.REQUEST_NOT_FOUND, given=ask_for_asset),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cancel_change_role_request(case: Case) -> None:
    run_case(case)
