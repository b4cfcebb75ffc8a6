"""Orders of events around one address, by its owner and by whoever wants it before him: whatever
the order, the wallet of the address is of somebody who reads its mail, and whose key it is.
"""

import random
from secrets import token_hex
from typing import Any

import pytest

from gateways.client.errors import ProblemError
from gateways.client.wallets import Credentials, Signup
from tests.gateways.keyserver.support import KeyServers, get_refusal

SECRETS = {"owner": "correct horse", "thief": "stolen horse"}
ALLOWED = ("", "code-wrong", "too-many-tries")
EVENTS = (
    "owner signs up",
    "thief signs up",
    "thief signs up",
    "owner confirms",
    "owner confirms the thief's",
    "thief confirms by a guess",
    "thief confirms the owner's",
    "owner asks again",
    "thief asks again",
)


class Story:
    """One address. Only its owner reads its mail; the thief knows every id."""

    def __init__(self, keyservers: KeyServers) -> None:
        self.keyservers = keyservers
        self.email = f"{token_hex(6)}@example.org"
        self.signups: dict[str, list[Signup]] = {"owner": [], "thief": []}
        self.codes: list[str] = []
        self.is_confirmed = False

    def play(self, event: str, client: Any) -> None:
        who, _, what = event.partition(" ")
        mine = self.signups[who]
        other = self.signups["thief" if who == "owner" else "owner"]
        if what == "signs up":
            assert get_refusal(lambda: self.sign_up(client, who)) in ALLOWED
        elif what == "asks again" and mine:
            assert get_refusal(lambda: client.resend(mine[-1])) in ALLOWED
        elif event == "owner confirms" and mine:
            self.read_mail()
            self.try_codes(client, mine[-1])
        elif event == "owner confirms the thief's" and mine:
            self.read_mail()  # he types the thief's code into his own client
            self.try_codes(client, mine[0])
        elif event == "thief confirms by a guess" and mine:
            self.try_to_confirm(client, mine[-1], f"{random.randrange(10**8):08}")
        elif event == "thief confirms the owner's" and mine and other:
            stolen = Signup(other[-1].id, self.email, mine[-1].content, mine[-1].recovery)
            self.try_codes(client, stolen)  # even with the codes, if he ever saw them

    def sign_up(self, client: Any, who: str) -> None:
        self.signups[who].append(client.sign_up(self.email, SECRETS[who]))

    def read_mail(self) -> None:
        mail = self.keyservers.read_mail(self.email)
        self.codes = [each["code"] for each in mail if each["type"] == "email_code"]

    def try_codes(self, client: Any, signup: Signup) -> None:
        for code in self.codes:
            self.try_to_confirm(client, signup, code)

    def try_to_confirm(self, client: Any, signup: Signup, code: str) -> None:
        refused = get_refusal(lambda: client.confirm(signup, code))
        assert refused in ALLOWED
        self.is_confirmed |= not refused


def run_orders(keyservers: KeyServers, count: int, seed: int) -> None:
    chance = random.Random(seed)
    confirmed = 0
    with keyservers.make_client() as client:
        for _ in range(count):
            story = Story(keyservers)
            for event in chance.sample(EVENTS, len(EVENTS)):
                story.play(event, client)
            keyservers.forget_tries()
            rows = keyservers.connection.execute(
                "select count(*) from keyserver.wallets where signer = any(%s)",
                ([bytes(each.content.key.verify_key) for each in story.signups["thief"]],),
            ).fetchall()
            assert rows == [(0,)]
            if story.is_confirmed:
                confirmed += 1
                assert client.unlock(Credentials(story.email, SECRETS["owner"])).version == 1
            with pytest.raises(ProblemError):
                client.unlock(Credentials(story.email, SECRETS["thief"]))
    assert confirmed


def test_nobody_is_hijacked_before_he_signs_up(keyservers: KeyServers) -> None:
    run_orders(keyservers, 5, 1)


@pytest.mark.timeout(3_600)
@pytest.mark.campaign
def test_fifty_orders(keyservers: KeyServers, fault_round: int) -> None:
    run_orders(keyservers, 50, fault_round)
