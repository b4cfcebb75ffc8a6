"""Whoever steals a dump of the database verifies no guess: neither secrets nor addresses."""

import re
from itertools import chain
from typing import Any

import pytest
from psycopg.sql import SQL, Identifier

from gateways.client.keys import generate_key
from gateways.client.request_signing import RequestSigner
from gateways.keyserver import service
from gateways.sealing import file
from gateways.sealing.file import FileKeks
from gateways.sealing.keks import Unopenable
from tests.gateways.keyserver.support import KeyServers, get_kind
from tests.gateways.keyserver.test_second_factor import enrol
from tests.gateways.support import wait_until


def dump(keyservers: KeyServers) -> list[bytes]:
    """Every value of every table, as bytes."""
    tables = keyservers.connection.execute(
        "select schemaname, tablename from pg_tables"
        " where schemaname in ('keyserver', 'gateway', 'public')"
    ).fetchall()
    statements = [SQL("select * from {}").format(Identifier(*names)) for names in tables]
    rows = chain.from_iterable(
        keyservers.connection.execute(each).fetchall() for each in statements
    )
    values = chain.from_iterable(rows)
    return [v if isinstance(v, bytes) else str(v).encode() for v in values]


def test_a_dump_tells_no_key_no_address_and_no_secret(keyservers: KeyServers) -> None:
    given, signup = keyservers.sign_up("correct horse")
    auth = keyservers.get_auth(given)
    totp, codes = enrol(keyservers, given)
    body = {"email": given.email, "second_factor": codes[0]}
    assert keyservers.ask("/v1/unlock", body, auth).status_code == 200
    wrong = generate_key()
    assert get_kind(keyservers.ask("/v1/unlock", body, wrong)) == "secret-wrong"
    everything = b"\0".join(dump(keyservers))
    public, envelope = bytes(auth.verify_key), keyservers.unlock_envelope(given, codes[1])
    assert bytes(signup.content.key.verify_key) in everything  # it is a dump, after all
    for secret in (
        public,
        bytes(wrong.verify_key),
        given.email.encode(),
        envelope,
        envelope[30:],
        totp.secret.encode(),
        totp.byte_secret(),
        *(code.replace("-", "").encode() for code in codes),
        *(bytes.fromhex(code.replace("-", "")) for code in codes),
        b"correct horse",
    ):
        assert secret not in everything


def test_without_its_keys_nothing_in_it_opens(keyservers: KeyServers) -> None:
    """Also not under keys of the thief's own, nor what he moves to another row."""
    keyservers.sign_up("correct horse")
    keyservers.sign_up("other horse")
    rows = keyservers.connection.execute(
        "select id, entry, verifier, envelope from keyserver.wallets"
    ).fetchall()
    path = keyservers.folder / "thief.json"
    path.touch(mode=0o600)
    path.write_bytes(file.make_content())
    thief = FileKeks("keyserver", path)
    for _, entry, verifier, envelope in rows:
        for name, wrapped in (("verifier", verifier), ("envelope", envelope)):
            assert keyservers.keks.unwrap(wrapped, f"{name}/{entry}")
            with pytest.raises(Unopenable):
                thief.unwrap(wrapped, f"{name}/{entry}")
            for _, other, _, _ in rows:
                if other != entry:
                    with pytest.raises(Unopenable):
                        keyservers.keks.unwrap(wrapped, f"{name}/{other}")


def test_a_database_of_other_keys_is_not_served(keyservers: KeyServers) -> None:
    """A restored database without its key-encryption keys: /ready says so, and nothing is lost."""
    given, signup = keyservers.sign_up("correct horse")
    content = keyservers.kek_file.read_bytes()
    keyservers.stop(1)
    keyservers.kek_file.write_bytes(file.make_content())
    try:
        keyservers.start(1)
        response = keyservers.http.get(f"{keyservers.urls[1]}/ready")
        assert response.status_code == 503
        assert "key-encryption keys" in response.json()["problem"]
        keyservers.stop(1)
    finally:
        keyservers.kek_file.write_bytes(content)
        keyservers.start(1)
    assert keyservers.unlock(given).content == signup.content


WRAPPED = (
    ("wallets", "verifier"),
    ("wallets", "envelope"),
    ("wallets", "email"),
    ("wallets", "totp_secret"),
    ("signups", "verifier"),
    ("outbox", "content"),
    ("history", "address"),
    ("keys", "content"),
)


def get_heads(keyservers: KeyServers) -> set[bytes]:
    """Which versions have wrapped something."""
    statement = SQL("select distinct substring({} from 1 for 5) from {} where {} is not null")
    heads = set()
    for table, column in WRAPPED:
        names = (Identifier(column), Identifier("keyserver", table), Identifier(column))
        rows = keyservers.connection.execute(statement.format(*names)).fetchall()
        assert rows, table
        heads |= {head for (head,) in rows}
    return heads


def find_check(keyservers: KeyServers) -> list[Any]:
    """What an instance writes at its next look at the keys."""
    query = "select 1 from keyserver.keys where name = 'check'"
    return keyservers.connection.execute(query).fetchall()


def test_a_new_version_of_the_keys_replaces_the_old_one(
    keyservers: KeyServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, signup = keyservers.sign_up("correct horse")
    enrol(keyservers, given)
    with keyservers.make_client() as client:
        client.sign_up("waiting@example.org", "correct horse")
    monkeypatch.setattr(service, "CHECK_SECONDS", 0.1)
    keyservers.stop()
    keyservers.start()
    keyservers.kek_file.write_bytes(file.add_version(keyservers.kek_file.read_bytes()))
    keyservers.keks.refresh()
    newest = b"\x01\x00\x00\x00" + bytes([keyservers.keks.newest])
    wait_until(lambda: get_heads(keyservers) == {newest})
    keyservers.kek_file.write_bytes(file.drop_old_versions(keyservers.kek_file.read_bytes()))
    for _ in range(2):  # two looks at the keys: the second began after they were dropped
        keyservers.connection.execute("delete from keyserver.keys where name = 'check'")
        wait_until(lambda: find_check(keyservers))
    stranger = {"email": "nobody@example.org"}
    assert get_kind(keyservers.ask("/v1/unlock", stranger, generate_key())) == "secret-wrong"
    assert keyservers.http.get(f"{keyservers.urls[0]}/ready").status_code == 200
    keyservers.connection.execute("update keyserver.wallets set totp_secret = null")
    assert keyservers.unlock(given).content == signup.content


def test_key_ids_and_addresses_are_in_no_log(keyservers: KeyServers) -> None:
    """Of a process of its own, with its own logs."""
    given, _ = keyservers.sign_up("correct horse")
    auth = keyservers.get_auth(given)
    with keyservers.run_process() as process:
        for key, more in ((auth, {}), (generate_key(), {}), (auth, {"bad": 1})):
            body = {"email": given.email, **more}
            keyservers.http.post(f"{process.url}/v1/unlock", json=body, auth=RequestSigner(key))
    text = process.log.read_text()
    assert text.count("/v1/unlock") == 3
    assert not re.search(r"G[A-Z2-7]{55}", text)
    assert given.email not in text
    assert bytes(auth.verify_key).hex() not in text
