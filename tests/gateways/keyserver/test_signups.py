"""Sign-up: confirmed by code and key together, the first that is confirmed wins."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from secrets import token_hex

import msgspec
import pytest
from nacl.signing import SigningKey

from gateways.client.errors import ProblemError
from gateways.client.keys import generate_key
from gateways.client.wallets import Credentials
from gateways.identity.emails import compute_email_hash
from gateways.identity.statements import verify_statement
from tests.gateways.keyserver.support import KeyServers

STATEMENT_KEY = bytes(SigningKey(b"\x11" * 32).verify_key)


def test_a_sign_up_is_confirmed_and_unlocked(keyservers: KeyServers) -> None:
    email = f"{token_hex(6)}@Example.org"
    with keyservers.make_client() as client:
        signup = client.sign_up(email, "correct horse")
        statement = client.confirm(signup, keyservers.read_code(email.lower()))
        network = bytes.fromhex(client.get_info()["network_id"])
        wallet = client.unlock(Credentials(email, "correct horse"))
    verified = verify_statement(STATEMENT_KEY, network, statement.body, statement.signature)
    assert verified.account == verified.signer == signup.content.account
    assert verified.email_hash == compute_email_hash(email.lower()).hex()
    assert wallet.content == signup.content
    assert (wallet.version, wallet.device, wallet.has_second_factor) == (1, None, False)
    again = msgspec.json.decode(wallet.statement.body)
    assert again["signer"] == verified.signer


def test_the_code_alone_or_the_key_alone_confirm_nothing(keyservers: KeyServers) -> None:
    email = f"{token_hex(6)}@example.org"
    with keyservers.make_client() as client:
        signup = client.sign_up(email, "correct horse")
        code = keyservers.read_code(email)
        stranger = replace(signup, content=replace(signup.content, key=generate_key()))
        other = f"{(int(code) + 1) % 10**8:08}"
        for attempt, text in ((stranger, code), (signup, other)):
            with pytest.raises(ProblemError) as error:
                client.confirm(attempt, text)
            assert error.value.kind == "code-wrong"
        client.resend(signup)
        newer = keyservers.read_code(email)
        with pytest.raises(ProblemError):
            client.confirm(signup, code)
        client.confirm(signup, newer)
        assert client.confirm(signup, newer).body  # whose answer was lost asks again


def test_of_many_confirmations_at_once_one_makes_the_wallet(keyservers: KeyServers) -> None:
    email = f"{token_hex(6)}@example.org"
    signups = []
    with keyservers.make_client() as client:
        for _ in range(5):
            signup = client.sign_up(email, "correct horse")
            signups.append((signup, keyservers.read_code(email)))

    def confirm(number: int) -> bool:
        signup, code = signups[number % 5]
        with keyservers.make_client(number % 2) as client:
            try:
                client.confirm(signup, code)
            except ProblemError:
                return False
            return True

    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(confirm, range(20)))
    winners = {number % 5 for number, is_done in enumerate(done) if is_done}
    assert len(winners) == 1
    opened = keyservers.unlock(Credentials(email, "correct horse"))
    assert opened.content == signups[winners.pop()][0].content


def test_a_known_address_is_answered_alike_and_its_owner_told(keyservers: KeyServers) -> None:
    given, signup = keyservers.sign_up("correct horse")
    before = len(keyservers.read_mail(given.email))
    with keyservers.make_client() as client:
        thief = client.sign_up(given.email, "another one")
        client.resend(thief)
        mail = keyservers.read_mail(given.email)[before:]
        assert [each["type"] for each in mail] == ["security_notice"]
        assert mail[0]["event"] == "signup_attempted"
        for code in ("00000000", "12345678"):
            with pytest.raises(ProblemError) as error:
                client.confirm(thief, code)
            assert error.value.kind == "code-wrong"
    assert keyservers.unlock(given).content == signup.content
