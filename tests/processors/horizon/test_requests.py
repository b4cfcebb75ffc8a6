"""What filters find a request by is what its body names."""

import typing

import pytest

from processors.horizon.requests import Details, get_details
from schemas.generated.common import AccountID, BalanceID
from schemas.generated.entries import ReviewableRequest
from schemas.generated.operations import PaymentToAccount, PaymentToBalance
from schemas.generated.requests import ChangeRoleRequest, PaymentRequest

BODIES = typing.get_args(typing.get_type_hints(ReviewableRequest)["body"])
NAMED = {"balance_id", "receiver", "source_balance", "account_id", "destination"}


def make(kind: type, **given: object) -> object:
    """A body whose other fields are not looked at."""
    hints = typing.get_type_hints(kind)
    values: dict[str, object] = dict.fromkeys(hints)
    values |= {
        name: name.encode() for name, hint in hints.items() if hint in (AccountID, BalanceID)
    }
    return kind(**{**values, **given})


@pytest.mark.parametrize("kind", BODIES)
def test_every_account_and_balance_of_a_body_is_a_detail(kind: type) -> None:
    nowhere = PaymentToAccount(AccountID(b"destination"))
    given = {"destination": nowhere} if kind is PaymentRequest else {}
    details = get_details(make(kind, **given))[:2]
    found = {each.decode() for each in details if isinstance(each, bytes)} - {*given}
    hints = typing.get_type_hints(kind)
    assert found == {name for name, hint in hints.items() if hint in (AccountID, BalanceID)}
    assert found <= NAMED


def test_payments_name_whom_they_pay_and_changes_the_role() -> None:
    account, balance = PaymentToAccount(AccountID(b"a")), PaymentToBalance(BalanceID(b"b"))
    to_account = make(PaymentRequest, destination=account)
    assert get_details(to_account) == Details(b"source_balance", b"a")
    assert get_details(make(PaymentRequest, destination=balance)).destination == b"b"
    assert get_details(make(ChangeRoleRequest, role_id=7)).role_id == 7
