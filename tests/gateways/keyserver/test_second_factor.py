"""The second factor: a code works once, on and off need the other factor, limits are its own."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyotp
import pytest

from gateways.client.errors import ProblemError
from gateways.client.keys import generate_key
from gateways.client.wallets import Credentials
from tests.gateways.keyserver.support import KeyServers, get_kind


def enrol(keyservers: KeyServers, given: Credentials) -> tuple[pyotp.TOTP, list[str]]:
    """A wallet with a second factor, and its recovery codes."""
    with keyservers.make_client() as client:
        shown = client.begin_second_factor(given)
        totp = pyotp.TOTP(shown["secret"])
        assert shown["uri"] == totp.provisioning_uri(name=given.email, issuer_name="tokend")
        assert shown["qr"].startswith("<svg")
        codes = client.turn_on_second_factor(given, totp.now())
    assert len(set(codes)) == 10
    return totp, codes


def get_next(keyservers: KeyServers, totp: pyotp.TOTP) -> str:
    """A code that was not used: the step of the last one is taken back."""
    keyservers.connection.execute("update keyserver.wallets set totp_step = totp_step - 3")
    return totp.now()


def expect(kind: str, keyservers: KeyServers, given: Credentials) -> None:
    with pytest.raises(ProblemError) as error:
        keyservers.unlock(given)
    assert error.value.kind == kind


def test_a_code_works_once_and_no_other_works(keyservers: KeyServers) -> None:
    given, signup = keyservers.sign_up("correct horse")
    totp, _ = enrol(keyservers, given)
    expect("second-factor-required", keyservers, given)
    code = get_next(keyservers, totp)
    opened = keyservers.unlock(replace(given, second_factor=code))
    assert (opened.content, opened.has_second_factor) == (signup.content, True)
    expect("second-factor-wrong", keyservers, replace(given, second_factor=code))
    old = totp.at(time.time() - 300)
    expect("second-factor-wrong", keyservers, replace(given, second_factor=old))
    events = keyservers.get_events(given.email)
    assert events.count("second_factor_on") == events.count("second_factor_wrong") == 1


def test_of_a_hundred_uses_of_a_code_one_works(keyservers: KeyServers) -> None:
    given, _ = keyservers.sign_up("correct horse")
    totp, codes = enrol(keyservers, given)
    auth = keyservers.get_auth(given)
    for code in (get_next(keyservers, totp), codes[0]):
        keyservers.forget_tries()
        body = {"email": given.email, "second_factor": code}

        def use(number: int, body: dict[str, str] = body) -> int:
            return keyservers.ask("/v1/unlock", body, auth, number % 2).status_code

        with ThreadPoolExecutor(20) as pool:
            statuses = Counter(pool.map(use, range(100)))
        assert statuses[200] == 1
        assert statuses[200] + statuses[401] + statuses[429] == 100


def test_codes_are_guessed_twenty_times_a_day_at_most(keyservers: KeyServers) -> None:
    given, _ = keyservers.sign_up("correct horse")
    enrol(keyservers, given)
    auth = keyservers.get_auth(given)
    kinds: Counter[str] = Counter()
    for number in range(60):
        body = {"email": given.email, "second_factor": f"{number:06}"}
        kinds[get_kind(keyservers.ask("/v1/unlock", body, auth, number % 2))] += 1
        keyservers.connection.execute(
            "update gateway.tries set times = array(select t - interval '70 minutes'"
            " from unnest(times) as t order by t) where counter = 'second-factor'"
            " and cardinality(times) < 20"
        )
    assert kinds["second-factor-wrong"] <= 21
    assert kinds["too-many-tries"] >= 39


def test_recovery_codes_work_once_in_its_place(keyservers: KeyServers) -> None:
    given, _ = keyservers.sign_up("correct horse")
    _, codes = enrol(keyservers, given)
    assert keyservers.unlock(replace(given, second_factor=codes[3].upper())).content
    expect("second-factor-wrong", keyservers, replace(given, second_factor=codes[3]))
    assert keyservers.unlock(replace(given, second_factor=codes[4])).content
    assert "recovery_code_used" in keyservers.get_events(given.email)


def test_it_is_turned_on_and_off_by_both_factors(keyservers: KeyServers) -> None:
    given, _ = keyservers.sign_up("correct horse")
    with keyservers.make_client() as client:
        with pytest.raises(ProblemError) as error:
            client.turn_on_second_factor(given, "123456")
        assert error.value.kind == "enrolment-missing"
        client.begin_second_factor(given)
        with pytest.raises(ProblemError) as error:
            client.turn_on_second_factor(given, "000000")
        assert error.value.kind == "second-factor-wrong"
        assert not client.unlock(given).has_second_factor
        first = client.begin_second_factor(given)
        second = client.begin_second_factor(given)
        with pytest.raises(ProblemError):
            client.turn_on_second_factor(given, pyotp.TOTP(first["secret"]).now())
        totp = pyotp.TOTP(second["secret"])
        codes = client.turn_on_second_factor(given, totp.now())
        body = {"email": given.email}
        auth = keyservers.get_auth(given)
        assert keyservers.ask("/v1/second-factor/off", body, auth).status_code == 400
        client.turn_off_second_factor(replace(given, second_factor=codes[0]))
        assert not client.unlock(given).has_second_factor


def test_an_enrolment_ends_after_ten_minutes(keyservers: KeyServers) -> None:
    given, _ = keyservers.sign_up("correct horse")
    with keyservers.make_client() as client:
        shown = client.begin_second_factor(given)
        keyservers.connection.execute(
            "update keyserver.wallets set enrolled_until = enrolled_until - interval '10 minutes'"
        )
        with pytest.raises(ProblemError) as error:
            client.turn_on_second_factor(given, pyotp.TOTP(shown["secret"]).now())
        assert error.value.kind == "enrolment-missing"


def test_a_trusted_device_needs_no_code_to_unlock_and_one_for_the_rest(
    keyservers: KeyServers,
) -> None:
    given, _ = keyservers.sign_up("correct horse")
    _, codes = enrol(keyservers, given)
    device = replace(given, device=generate_key())
    keyservers.unlock(replace(device, second_factor=codes[0]), register="laptop", remember=True)
    assert keyservers.unlock(device).device is not None
    expect("second-factor-required", keyservers, given)
    expect("second-factor-required", keyservers, replace(given, device=None))
    with keyservers.make_client() as client:
        with pytest.raises(ProblemError) as error:
            client.begin_second_factor(device)
        assert error.value.kind == "second-factor-required"
    keyservers.connection.execute("update keyserver.devices set trusted_until = now()")
    expect("second-factor-required", keyservers, device)
