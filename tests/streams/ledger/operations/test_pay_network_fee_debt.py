"""PayNetworkFeeDebt, case by case."""

import pytest

from schemas.generated.common import U64
from schemas.generated.operations import PayNetworkFeeDebt, PayNetworkFeeDebtCode
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.streams.ledger.operations.test_settle_external_transfer import set_float
from tests.support.border import confirm_first, settle
from tests.support.network import Network, issue

Code = PayNetworkFeeDebtCode
PAY = PayNetworkFeeDebt(U64(1))


def owe(network: Network) -> None:
    """5, and the float is empty."""
    set_float(network)
    network.apply("master", settle(fee=1_005))


def owe_and_fund(network: Network) -> None:
    owe(network)
    network.apply("issuer", issue(network, "bob", "ETH", 9, "float"))


def owe_without_float(network: Network) -> None:
    confirm_first(network)
    network.apply("master", settle(fee=5))


def check_burned(network: Network, _: OperationResult) -> None:
    assert network.get_amount("bob", "ETH") == 4
    supply = network.ledger.state.get_asset_supply("ETH")
    assert supply is not None
    assert supply.issued == 904


CASES = (
    Case(
        "all of it",
        "master",
        lambda _: PAY,
        changes=("AssetSupply changed", "Balance changed", "NetworkFeeDebt removed"),
        given=owe_and_fund,
        check=check_burned,
    ),
    Case("no float", "master", lambda _: PAY, Code.FLOAT_NOT_FOUND, given=owe_without_float),
    Case("an empty float", "master", lambda _: PAY, Code.UNDERFUNDED, given=owe),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pay_network_fee_debt(case: Case) -> None:
    run_case(case)
