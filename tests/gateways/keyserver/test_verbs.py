"""The verbs of wallets, as people type them, against running KeyServers."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pyotp
import pytest

from gateways.keyserver import info, kdfs, signups
from gateways.keyserver.names import get_email_lookup
from infra.local.errors import LocalError
from tests.gateways.keyserver.support import KeyServers
from tests.gateways.keyserver.test_second_factor import enrol, get_next
from tests.gateways.verbs import run_verb

EMAIL = "verbs@example.org"


class Person:
    """Somebody with a folder of his own."""

    def __init__(self, folder: Path, keyservers: KeyServers) -> None:
        self.folder = folder
        self._environ = {
            "TOKEND_SESSION": str(folder / "session.json"),
            "TOKEND_KEYSERVER_URL": keyservers.urls[0],
        }
        (folder / "secret").write_text("correct horse battery\n")

    def run(self, *arguments: str) -> Any:
        return json.loads(run_verb([*arguments, "--json"], self._environ))

    def refuse(self, *arguments: str) -> str:
        with pytest.raises(LocalError) as refused:
            run_verb(arguments, self._environ)
        return str(refused.value)


@pytest.fixture
def person(tmp_path: Path, keyservers: KeyServers) -> Person:
    return Person(tmp_path, keyservers)


def read_wallet(keyservers: KeyServers, email: str) -> tuple[int, int]:
    """Its derivation and its version."""
    lookup = get_email_lookup(keyservers.keks, email)
    query = "select kdf, version from keyserver.wallets where email_lookup = %s"
    ((kdf, version),) = keyservers.connection.execute(query, (lookup,)).fetchall()
    return kdf, version


def test_a_log_in_renews_the_derivation_of_keys(
    person: Person, keyservers: KeyServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, signup = keyservers.sign_up("correct horse battery")
    stronger = msgspec.structs.replace(kdfs.LIVE[0], version=2, passes=4)
    monkeypatch.setattr(info, "LIVE", (stronger, *kdfs.LIVE))
    monkeypatch.setattr(signups, "VERSIONS", {1, 2})
    log_in = ("login", "--email", given.email, "--secret-file", str(person.folder / "secret"))
    totp, _ = enrol(keyservers, given)
    told = person.run(*log_in, "--second-factor", get_next(keyservers, totp))
    assert "--remember" in told["next"]
    assert read_wallet(keyservers, given.email) == (1, 1)
    code = get_next(keyservers, totp)
    assert "next" not in person.run(*log_in, "--second-factor", code, "--remember")
    assert read_wallet(keyservers, given.email) == (2, 2)
    assert "next" not in person.run(*log_in)
    assert read_wallet(keyservers, given.email) == (2, 2)
    account = signup.content.account
    assert person.run("keys", "show")["address"] == account


def test_a_wallet_from_sign_up_to_log_out(person: Person, keyservers: KeyServers) -> None:
    secret = ("--secret-file", str(person.folder / "secret"))
    recovery = person.folder / "recovery"
    begun = person.run("signup", "--email", EMAIL, *secret, "--recovery-out", str(recovery))
    assert recovery.stat().st_mode & 0o777 == 0o600
    assert "code-wrong" in person.refuse("signup", "--code", "00000000")
    confirmed = person.run("signup", "--code", keyservers.read_code(EMAIL))
    assert confirmed["account"] == begun["account"]
    assert (person.folder / "session.json").stat().st_mode & 0o777 == 0o600
    logged_in = person.run("login", "--email", EMAIL, *secret, "--name", "laptop")
    (device,) = person.run("devices", "list")
    assert (device["id"], device["name"]) == (logged_in["device"], "laptop")
    shown = person.run("2fa", "enrol", *secret, "--svg", str(person.folder / "qr.svg"))
    code = pyotp.TOTP(shown["secret"]).now()
    codes = person.run("2fa", "on", *secret, "--code", code)["recovery_codes"]
    assert "second-factor-required" in person.refuse("login", "--email", EMAIL, *secret)
    person.run("2fa", "off", *secret, "--second-factor", codes[0])
    assert person.run("devices", "history")[-1]["event"] == "CREATED"
    assert person.run("keys", "show")["address"] == begun["account"]
    person.run("logout")
    assert "tokend login" in person.refuse("devices", "list")
