"""What a record of a service's topic asks for, and of whom."""

from processors.notificator.intake import read_request
from processors.notificator.rows import OPERATORS
from schemas.codec import frame
from schemas.generated.common import AccountID
from schemas.generated.events import AccountRecipient, NotificationRequest, OperatorsRecipient

TOKEN = "0123456789abcdef"


def make_request(recipient: AccountRecipient | OperatorsRecipient) -> bytes:
    data = b'{"name": "psim", "problem": "halted", "is_over": false}'
    return frame(NotificationRequest("alarm", TOKEN, recipient, "", data, None, 1_000))


def test_a_service_may_tell_the_operators() -> None:
    message = read_request(make_request(OperatorsRecipient()), "psim")
    assert (message.source, message.account_id, message.contact) == (OPERATORS, None, None)


def test_what_is_for_an_account_is_the_service_s() -> None:
    account_id = AccountID(bytes(32))
    message = read_request(make_request(AccountRecipient(account_id)), "psim")
    assert (message.source, message.account_id) == ("psim", account_id)
