"""The demo's part about wallets: Alice signs up, confirms from the mail page, turns a second factor
on, unlocks on a second device; a wrong code, a replayed code and a revoked device are refused.
"""

import time
from dataclasses import replace

import pyotp

from gateways.client.errors import ProblemError
from gateways.client.joining import register
from gateways.client.keys import generate_key
from gateways.client.keyserver import KeyServerClient
from gateways.client.wallets import Credentials
from infra.demo.people import Person
from infra.demo.steps import DemoFailed, Steps
from infra.demo.target import Target

EMAIL, SECRET = "alice@example.org", "correct horse battery staple"
STEP_S = 30
LINES = (
    f"{EMAIL} is confirmed by mail and key, and linked to her account",
    "her second device opened the wallet with the authenticator's code",
    "a wrong code, the same code again and the revoked device were refused",
)


def open_wallet(target: Target, person: Person, steps: Steps) -> None:
    """The whole part, where the demo can read the mail. The two instances take turns."""
    messages = target.messages
    if messages is None:
        return
    steps.tell("Alice keeps her key on the KeyServer: mail, second factor, two devices")
    first, *_, second = target.endpoints["keyserver"]
    given = Credentials(EMAIL, SECRET, device=generate_key())
    with KeyServerClient(first) as one, KeyServerClient(second) as other:
        signup = one.sign_up(EMAIL, SECRET, key=person.key)
        steps.wait(lambda: messages.find_code(EMAIL) is not None, "the mail page shows her code")
        statement = other.confirm(signup, str(messages.find_code(EMAIL)))
        register(target.endpoints["api"][0], EMAIL, statement)
        one.unlock(given, register="laptop")
        totp = pyotp.TOTP(one.begin_second_factor(given)["secret"])
        codes = one.turn_on_second_factor(given, totp.now())
        phone = replace(given, device=generate_key())
        code = totp.at(time.time() + STEP_S)
        wrong = f"{(int(code) + 1) % 10**6:06}"
        _refuse("second-factor-wrong", other, replace(phone, second_factor=wrong))
        unlocked = other.unlock(replace(phone, second_factor=code), register="phone")
        _refuse("second-factor-wrong", one, replace(phone, second_factor=code))
        other.revoke_device(given.device or person.key, str(unlocked.device))
        _refuse("device-unknown", one, replace(phone, second_factor=codes[0]))
    if unlocked.content.key != person.key:
        raise DemoFailed("the wallet holds another key than Alice's")
    for line in LINES:
        steps.say(line)


def _refuse(kind: str, client: KeyServerClient, given: Credentials) -> None:
    """Raises DemoFailed if the wallet opens."""
    try:
        client.unlock(given)
    except ProblemError as error:
        if error.kind != kind:
            raise
        return
    raise DemoFailed(f"the wallet opened, and {kind} was expected")
