"""Replayed and tampered unlocks: none is accepted, and none is a guess."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from secrets import token_urlsafe
from urllib.parse import urlsplit

import httpx2
import pytest

from gateways.http.signatures import Message
from tests.gateways.http.tampering import KINDS, Signing
from tests.gateways.keyserver.support import KeyServers, get_kind

SAME = ("no query", "another query", "a query in another order", "another method")
"""What leaves a POST without a query as it was."""


def sign(keyservers: KeyServers, email: str, key: object) -> Signing:
    content = httpx2.Request("POST", "http://x", json={"email": email}).content
    authority = urlsplit(keyservers.urls[0]).netloc
    message = Message("POST", authority, "/v1/unlock", "", content)
    return Signing(message, key, int(time.time()), token_urlsafe(18)).sign()  # type: ignore[arg-type]


def send(keyservers: KeyServers, signing: Signing) -> httpx2.Response:
    message = signing.message
    url = keyservers.urls[0] + message.path + (f"?{message.query}" if message.query else "")
    headers = [("Content-Type", "application/json"), *signing.headers.items(), *signing.more]
    return keyservers.http.request(message.method, url, content=message.content, headers=headers)


def run_replays(keyservers: KeyServers, requests: int, times: int) -> None:
    """Each at once, many times, on both instances' database: one is answered."""
    given, _ = keyservers.sign_up("correct horse")
    auth = keyservers.get_auth(given)
    with ThreadPoolExecutor(10) as pool:
        for _ in range(requests):
            signing = sign(keyservers, given.email, auth)
            found = list(pool.map(lambda _, s=signing: send(keyservers, s), range(times)))
            assert sum(each.status_code == 200 for each in found) == 1
            kinds = {get_kind(each) for each in found if each.status_code != 200}
            assert kinds == {"signature-replayed"}


def run_tampering(keyservers: KeyServers, count: int) -> None:
    """None opens the wallet, and none counts as a guess."""
    given, _ = keyservers.sign_up("correct horse")
    auth, chance = keyservers.get_auth(given), random.Random(count)
    kinds = [name for name in KINDS if name not in SAME]
    keyservers.forget_tries()
    for number in range(count):
        signing = sign(keyservers, given.email, auth)
        name = kinds[number % len(kinds)]
        response = send(keyservers, KINDS[name](signing, chance))
        assert response.status_code >= 400, name
    counted = keyservers.connection.execute("select count(*) from gateway.tries").fetchall()
    assert counted == [(0,)]
    assert keyservers.unlock(given).version == 1


def test_a_replay_is_answered_once(keyservers: KeyServers) -> None:
    run_replays(keyservers, 5, 20)


def test_what_was_tampered_with_opens_nothing(keyservers: KeyServers) -> None:
    run_tampering(keyservers, 500)


@pytest.mark.timeout(3_600)
@pytest.mark.campaign
def test_a_thousand_replays_and_five_thousand_tampered(
    keyservers: KeyServers, fault_round: int
) -> None:
    run_replays(keyservers, 50, 20)
    run_tampering(keyservers, 5_000)
