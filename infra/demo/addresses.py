"""The demo's part about e-mail addresses: Bob signs up, and Alice pays him by his address.

The code comes from the mail page; the KeyServer's statement goes to API, which links the address.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Any

from nacl.signing import SigningKey

from gateways.client.api import ApiClient
from gateways.client.errors import ProblemError
from gateways.client.keys import get_address
from gateways.client.keyserver import KeyServerClient
from infra.demo.messages import Messages
from infra.demo.people import Person
from infra.demo.steps import DemoFailed, Steps
from infra.demo.target import Target

Wait = Callable[[Callable[[], Any], str], None]


def pay_by_address(
    target: Target, steps: Steps, payer: Person, payee: Person, pay: Callable[[Person, str], None]
) -> None:
    """The whole part. `pay` pays from somebody to an account G...; it is paid back, because proofs
    count the other payments. Raises DemoFailed, Interrupted, ClientError."""
    if target.messages is None:
        return
    steps.tell(f"{payee.name} signs up with an e-mail, and {payer.name} pays to that address")
    email = f"{payee.name.lower()}@example.org"
    link_address(target.endpoints, target.messages, payee.key, email, steps.wait)
    account = find_account(target.endpoints, payer.key, email)
    if account != payee.address:
        raise DemoFailed(f"{email} is {account}, not {payee.address}")
    pay(payer, account)
    pay(payee, payer.address)
    steps.say(f"{email} was confirmed from the mail page, found and paid: {account[:8]}...")


def link_address(
    endpoints: Mapping[str, Any], messages: Messages, key: SigningKey, email: str, wait: Wait
) -> None:
    """Whoever holds `key` signs up with the KeyServer, confirms from the mail page, registers at
    API, and lets others find the account by the address. Raises DemoFailed, ClientError.
    """
    account = get_address(key)
    with KeyServerClient(endpoints["keyserver"][0]) as keyserver:
        signup = keyserver.sign_up(email, secrets.token_hex(16), key=key)
        wait(lambda: messages.find_code(email) is not None, "the mail page shows the code")
        statement = keyserver.confirm(signup, str(messages.find_code(email)))
    with ApiClient(endpoints["api"][0], key) as api:
        registered = api.register(statement.body, statement.signature, email)
        if registered["state"] != "CREATED":
            raise DemoFailed(f"the registration is {registered['state']}")
        (link,) = api.list_links(account)
        api.allow_finding(account, link["id"], True)


def find_account(endpoints: Mapping[str, Any], key: SigningKey, email: str) -> str:
    """By the other instance of API, as whoever holds `key`. Raises DemoFailed if a wrong address
    finds somebody, ClientError if the right one finds nobody."""
    with ApiClient(endpoints["api"][-1], key) as api:
        try:
            api.find_account(get_address(key), f"x{email}")
        except ProblemError as error:
            if error.kind != "not-found":
                raise
        else:
            raise DemoFailed("an address that nobody has finds an account")
        return api.find_account(get_address(key), email)
