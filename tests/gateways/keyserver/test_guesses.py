"""Who guesses is stopped, exactly; the owner gets in meanwhile; nobody learns who has a wallet."""

import secrets
import statistics
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from typing import Any

import httpx2
import pytest

from gateways.client.keys import generate_key
from gateways.client.wallets import Credentials
from gateways.http.problems import TOO_MANY_TRIES
from tests.gateways.keyserver.support import KeyServers, get_kind

SKIPPED = ("date", "x-request-id", "retry-after", "ratelimit", "content-length")


@pytest.fixture(scope="module")
def owner(keyservers: KeyServers) -> Credentials:
    given, _ = keyservers.sign_up("correct horse")
    given = replace(given, device=generate_key())
    keyservers.unlock(given, register="the owner's")
    return given


def guess(keyservers: KeyServers, email: str, number: int) -> httpx2.Response:
    return keyservers.ask("/v1/unlock", {"email": email}, generate_key(), number % 2)


def exhaust(keyservers: KeyServers, email: str) -> None:
    """All of a day's guesses are made."""
    guess(keyservers, email, 0)
    keyservers.connection.execute(
        "update gateway.tries set times = array_fill(now(), array[100]) where counter = 'unlock'"
    )
    assert get_kind(guess(keyservers, email, 1)) == TOO_MANY_TRIES.slug


def run_guesses(keyservers: KeyServers, owner: Credentials, count: int) -> None:
    """At most 100 of them are evaluated within a day, whatever the order, over a restart."""
    keyservers.forget_tries()
    kinds: Counter[str] = Counter()
    with ThreadPoolExecutor(16) as pool:
        for part in range(10):
            found = pool.map(
                lambda n: get_kind(guess(keyservers, owner.email, n)), range(count // 10)
            )
            kinds.update(found)
            if part == 4:
                keyservers.stop(1)
                keyservers.start(1)
            if part == 5:
                assert keyservers.unlock(owner).content  # by the lane of his device
    assert kinds["secret-wrong"] <= 100
    assert kinds["secret-wrong"] + kinds["too-many-tries"] == count


def test_guesses_are_few_and_the_owner_gets_in(keyservers: KeyServers, owner: Credentials) -> None:
    run_guesses(keyservers, owner, 1_000)


@pytest.mark.timeout(3_600)
@pytest.mark.campaign
def test_ten_thousand_guesses(keyservers: KeyServers, owner: Credentials, fault_round: int) -> None:
    run_guesses(keyservers, owner, 10_000)


def test_a_patient_guesser_has_a_hundred_a_day(keyservers: KeyServers) -> None:
    """Who waits as long as he is told has a guess in 14 minutes, and no more than the day's."""
    email = f"{secrets.token_hex(6)}@example.org"
    kinds = []
    for number in range(101):
        kinds.append(get_kind(guess(keyservers, email, number)))
        keyservers.connection.execute(
            "update gateway.tries set times = array(select t - interval '841 seconds'"
            " from unnest(times) as t order by t)"
        )
    assert kinds == ["secret-wrong"] * 100 + [TOO_MANY_TRIES.slug]


def test_the_owner_has_a_mailed_lane(keyservers: KeyServers) -> None:
    given, _ = keyservers.sign_up("correct horse")
    exhaust(keyservers, given.email)
    auth = keyservers.get_auth(given)
    assert get_kind(keyservers.ask("/v1/unlock", {"email": given.email}, auth)) == (
        TOO_MANY_TRIES.slug
    )
    with keyservers.make_client() as client:
        client.ask_lane(given.email)
        lane = keyservers.read_code(given.email, "unlock_code")
        assert client.unlock(replace(given, lane=lane)).content
    wrong = {"email": given.email, "lane": lane}
    kinds = [get_kind(keyservers.ask("/v1/unlock", wrong, generate_key())) for _ in range(6)]
    assert kinds == ["secret-wrong"] * 4 + [TOO_MANY_TRIES.slug] * 2
    other = {"email": given.email, "lane": "0" * 20}
    assert get_kind(keyservers.ask("/v1/unlock", other, auth)) == TOO_MANY_TRIES.slug


def test_a_lane_of_one_wallet_is_none_of_another(keyservers: KeyServers) -> None:
    (one, _), (other, _) = keyservers.sign_up("correct horse"), keyservers.sign_up("other horse")
    with keyservers.make_client() as client:
        client.ask_lane(one.email)
    lane = keyservers.read_code(one.email, "unlock_code")
    exhaust(keyservers, other.email)
    body = {"email": other.email, "lane": lane}
    assert get_kind(keyservers.ask("/v1/unlock", body, generate_key())) == TOO_MANY_TRIES.slug


def get_requests(email: str) -> dict[str, Any]:
    """Every route that takes an address from strangers."""
    key = generate_key()
    address = "GAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN7"
    signup = {
        "email": email,
        "account": address,
        "signer": address,
        "recovery": address,
        "kdf": 1,
        "verifier": address,
        "envelope": "A" * 80,
    }
    return {
        "/v1/kdf": ({"email": email}, None),
        "/v1/unlock": ({"email": email}, key),
        "/v1/lanes": ({"email": email}, None),
        "/v1/signups": (signup, None),
        "/v1/second-factor/enrolments": ({"email": email}, key),
    }


def test_known_and_unknown_addresses_are_answered_alike(keyservers: KeyServers) -> None:
    known, _ = keyservers.sign_up("correct horse", email=f"{'k' * 12}@example.org")
    unknown = f"{'u' * 12}@example.org"
    keyservers.forget_tries()
    for _ in range(8):  # far enough that limits are met too
        for path, (body, key) in get_requests(known.email).items():
            one = keyservers.ask(path, body, key)
            two = keyservers.ask(path, get_requests(unknown)[path][0], key)
            assert one.status_code == two.status_code, path
            assert show(one) == show(two), path


def show(response: httpx2.Response) -> Any:
    """Without what is random or of the moment."""
    headers = [name for name in response.headers if name not in SKIPPED]
    body = response.json()
    body.pop("instance", None)
    body.pop("meta", None)
    if "data" in body:
        body["data"]["attributes"].pop("salt", None)
        body["data"].pop("id")
        if body["data"]["type"] == "signups":
            body["data"]["attributes"].pop("expires_at")
    return headers, body, len(response.content)


def test_known_and_unknown_addresses_take_as_long(keyservers: KeyServers) -> None:
    """Interleaved, medians; `unlock_rps` in tests/bench measures more closely."""
    known, _ = keyservers.sign_up("correct horse")
    times: dict[str, list[float]] = {known.email: [], "nobody@example.org": []}
    for _ in range(60):
        for email, found in times.items():
            keyservers.forget_tries()
            began = time.perf_counter()
            response = keyservers.ask("/v1/unlock", {"email": email}, generate_key())
            found.append(time.perf_counter() - began)
            assert get_kind(response) == "secret-wrong"
    one, two = (statistics.median(found) for found in times.values())
    assert abs(one - two) < 0.004, sorted(chain(*times.values()))[-5:]
