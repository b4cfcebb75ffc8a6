"""CreateWithdrawalRequest, case by case: alice withdraws WDR, of which she has 1,000."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import (
    U64,
    Amount,
    BankAccount,
    BitcoinAddress,
    EthereumAddress,
    EthereumAddressBytes,
    Fee,
    FeeRange,
    FeeType,
    LimitKind,
    Price,
)
from schemas.generated.operations import (
    CreateAssetPair,
    CreateWithdrawalRequest,
    CreateWithdrawalRequestCode,
    CreateWithdrawalRequestResult,
    ManageAssetPair,
    ManageKeyValue,
    PutFeeRange,
    PutKeyValue,
    RemoveKeyValue,
    SetFees,
    U32Value,
    U128Value,
)
from schemas.generated.transactions import FeesDue, FirstUse, OperationResult, RefusalDetail
from streams.ledger.values import AMOUNT_MAX, AssetPolicy
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import (
    Network,
    create_asset,
    create_balance,
    issue,
    make_reference,
    put_limit,
)

Code = CreateWithdrawalRequestCode
REVIEW = 32
BITCOIN = BitcoinAddress("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")
MADE = ("Balance changed", "Counters changed", "ReviewableRequest made")
COUNTED = (*MADE, "PendingStatistics made", "Statistics made")
POLICIES = int(AssetPolicy.TRANSFERABLE | AssetPolicy.WITHDRAWABLE)


def make_wdr(network: Network, policies: int = POLICIES) -> None:
    network.apply("issuer", create_asset("WDR", policies=policies))
    network.close(
        *(network.prepare(each, create_balance(each, "WDR")) for each in ("alice", "bob"))
    )
    network.apply("issuer", issue(network, "alice", "WDR", 1_000, "wdr"))
    put_value(network, "withdrawal_tasks:WDR", U32Value(REVIEW))


def put_value(network: Network, key: str, value: U32Value | U128Value) -> None:
    network.apply("master", ManageKeyValue(key, PutKeyValue(value)))


def make_fee(network: Network) -> None:
    """3, and 1 %."""
    make_wdr(network)
    put_range = PutFeeRange(FeeRange(Amount(0), AMOUNT_MAX, Amount(3), 1_000_000))
    network.apply("master", SetFees(None, None, "WDR", FeeType.WITHDRAWAL, 0, put_range))


def make_limit(network: Network) -> None:
    make_wdr(network)
    network.apply("master", put_limit(LimitKind.WITHDRAW, "WDR", 100))


def make_foreign_limit(network: Network) -> None:
    make_wdr(network)
    limit = put_limit(LimitKind.SPEND, "EUR", 100, is_convert_needed=True)
    network.apply("master", limit)


def make_foreign_limit_by_an_old_price(network: Network) -> None:
    make_foreign_limit(network)
    at = network.ledger.header.close_time_ms
    create = CreateAssetPair(Price(1, 1), 1, at, 1_000, 0)
    network.apply("master", ManageAssetPair("WDR", "EUR", create))


def make(network: Network, amount: int = 100, **changes: Any) -> CreateWithdrawalRequest:
    balance_id, reference = network.get_balance_id("alice", "WDR"), make_reference(network, "w")
    made = CreateWithdrawalRequest(balance_id, Amount(amount), None, BITCOIN, reference, b"")
    return replace(made, **changes)


def withdraw(network: Network) -> None:
    make_wdr(network)
    network.apply("alice", make(network))


def allow_one_reference(network: Network) -> None:
    make_wdr(network)
    put(network, replace(network.ledger.state.get_network_settings(), references_per_day=1))
    network.apply("alice", make(network))


def set_lower_bound(network: Network) -> None:
    make_wdr(network)
    put_value(network, "withdraw_lower_bound:WDR", U128Value(101))


def forget_tasks(network: Network) -> None:
    make_wdr(network)
    network.apply("master", ManageKeyValue("withdrawal_tasks:WDR", RemoveKeyValue()))


def get_amounts(network: Network, name: str = "alice") -> tuple[int, int]:
    """What may be spent, and what is locked."""
    balance = network.ledger.state.get_balance(network.get_balance_id(name, "WDR"))
    assert balance is not None
    return balance.amount, balance.locked


def check_locked(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreateWithdrawalRequestResult(U64(6), "WDR", None)
    assert get_amounts(network) == (900, 100)
    request = network.ledger.state.get_reviewable_request(6)
    assert request is not None
    assert request.pending_tasks == REVIEW


def check_fee(network: Network, result: OperationResult) -> None:
    fee = Fee(Amount(3), Amount(2))
    assert result.outcome == CreateWithdrawalRequestResult(U64(6), "WDR", fee)
    assert get_amounts(network) == (1_000 - 101 - 5, 101 + 5)


def check_due(_: Network, result: OperationResult) -> None:
    due = FeesDue("WDR", Fee(Amount(3), Amount(1)), Fee(Amount(0), Amount(0)))
    assert result.detail == RefusalDetail(due)


def check_first_use(network: Network, result: OperationResult) -> None:
    assert result.detail == RefusalDetail(FirstUse(U64(network.ledger.header.sequence - 1)))


def check_left(_: Network, result: OperationResult) -> None:
    assert result.detail is not None
    assert result.detail.data.left == 100  # type: ignore[union-attr]


CASES = (
    Case(
        "to Bitcoin",
        "alice",
        make,
        given=make_wdr,
        changes=MADE,
        check=check_locked,
    ),
    Case(
        "to Ethereum",
        "alice",
        lambda n: make(n, destination=EthereumAddress(EthereumAddressBytes(bytes(19) + b"a"))),
        given=make_wdr,
        changes=MADE,
    ),
    Case(
        "to a bank, all that there is",
        "alice",
        lambda n: make(n, 1_000, destination=BankAccount("DE89370400440532013000", "COBADEFF")),
        given=make_wdr,
        changes=MADE,
    ),
    Case(
        "with a fee",
        "alice",
        lambda n: make(n, 101, fee_max=Fee(Amount(9), Amount(2))),
        given=make_fee,
        changes=MADE,
        check=check_fee,
    ),
    Case(
        "within a limit",
        "alice",
        make,
        given=make_limit,
        changes=COUNTED,
    ),
    Case(
        "nothing",
        "alice",
        lambda n: make(n, 0),
        Code.INVALID_AMOUNT,
        given=make_wdr,
    ),
    Case(
        "a reference without a text",
        "alice",
        lambda n: make(n, reference=make_reference(n, "")),
        Code.INVALID_REFERENCE,
        given=make_wdr,
    ),
    Case(
        "to nowhere",
        "alice",
        lambda n: make(n, destination=BankAccount("DE00370400440532013000", "")),
        Code.INVALID_DESTINATION,
        given=make_wdr,
    ),
    Case(
        "details that are not JSON",
        "alice",
        lambda n: make(n, creator_details=b"{"),
        Code.INVALID_CREATOR_DETAILS,
        given=make_wdr,
    ),
    Case(
        "from another's balance",
        "bob",
        make,
        Code.NOT_AUTHORIZED,
        given=make_wdr,
    ),
    Case(
        "a reference of long ago",
        "alice",
        lambda n: make(n, reference=replace(make_reference(n, "w"), day=1)),
        Code.REFERENCE_OUT_OF_WINDOW,
        given=make_wdr,
    ),
    Case(
        "a reference again",
        "alice",
        make,
        Code.REFERENCE_DUPLICATION,
        given=withdraw,
        check=check_first_use,
    ),
    Case(
        "more references than an account may use a day",
        "alice",
        lambda n: make(n, reference=make_reference(n, "x")),
        Code.REFERENCE_QUOTA_EXCEEDED,
        given=allow_one_reference,
    ),
    Case(
        "of an asset that stays in the network",
        "alice",
        make,
        Code.ASSET_IS_NOT_WITHDRAWABLE,
        given=lambda n: make_wdr(n, policies=1),
    ),
    Case(
        "less than the lower bound",
        "alice",
        make,
        Code.LOWER_BOUND_NOT_EXCEEDED,
        given=set_lower_bound,
    ),
    Case(
        "while nobody says which tasks it has",
        "alice",
        make,
        Code.WITHDRAWAL_TASKS_NOT_FOUND,
        given=forget_tasks,
    ),
    Case(
        "with a fee that is not accepted",
        "alice",
        lambda n: make(n, fee_max=Fee(Amount(2), Amount(9))),
        Code.INSUFFICIENT_FEE_AMOUNT,
        given=make_fee,
        check=check_due,
    ),
    Case(
        "more than there is",
        "alice",
        lambda n: make(n, 1_001),
        Code.UNDERFUNDED,
        given=make_wdr,
    ),
    Case(
        "all that there is, with a fee",
        "alice",
        lambda n: make(n, 1_000, fee_max=Fee(Amount(9), Amount(99))),
        Code.UNDERFUNDED,
        given=make_fee,
    ),
    Case(
        "more than a limit",
        "alice",
        lambda n: make(n, 101),
        Code.LIMITS_EXCEEDED,
        given=make_limit,
        check=check_left,
    ),
    Case(
        "limited in an asset without a price",
        "alice",
        make,
        Code.PAIR_NOT_FOUND,
        given=make_foreign_limit,
    ),
    Case(
        "limited in an asset whose price is too old",
        "alice",
        make,
        Code.PRICE_TOO_OLD,
        given=make_foreign_limit_by_an_old_price,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_withdrawal_request(case: Case) -> None:
    run_case(case)
