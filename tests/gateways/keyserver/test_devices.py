"""Devices: made known at an unlock, listed, named, revoked; what happened is told."""

from dataclasses import replace

import pytest

from gateways.client.errors import ProblemError
from gateways.client.keys import generate_key
from tests.gateways.keyserver.support import KeyServers


def test_devices_are_listed_named_and_revoked(keyservers: KeyServers) -> None:
    given, _ = keyservers.sign_up("correct horse")
    phone, laptop = generate_key(), generate_key()
    for key, name in ((phone, "phone"), (laptop, "laptop")):
        assert keyservers.unlock(replace(given, device=key), register=name).device
    mails = [mail for mail in keyservers.read_mail(given.email) if mail["type"] == "new_device"]
    assert [mail["device"] for mail in mails] == ["phone", "laptop"]
    with keyservers.make_client() as client:
        rows = client.get_devices(laptop)
        assert [each["attributes"]["name"] for each in rows] == ["phone", "laptop"]
        assert [each["attributes"]["is_this"] for each in rows] == [False, True]
        client.rename_device(laptop, rows[0]["id"], "old phone")
        assert client.get_devices(phone)[0]["attributes"]["name"] == "old phone"
        client.revoke_device(laptop, rows[0]["id"])
        with pytest.raises(ProblemError) as error:
            client.get_devices(phone)
        assert error.value.kind == "device-unknown"
        events = [each["attributes"]["event"] for each in client.get_history(laptop)]
    assert events[:2] == ["DEVICE_REVOKED", "DEVICE_ADDED"]
    assert "device_revoked" in keyservers.get_events(given.email)
    with pytest.raises(ProblemError) as error:
        keyservers.unlock(replace(given, device=phone))
    assert error.value.kind == "device-unknown"


def test_a_device_sees_and_revokes_those_of_its_wallet_alone(keyservers: KeyServers) -> None:
    mine, theirs = generate_key(), generate_key()
    keyservers.unlock(replace(keyservers.sign_up("correct horse")[0], device=mine), register="mine")
    other, _ = keyservers.sign_up("other horse")
    id_ = keyservers.unlock(replace(other, device=theirs), register="theirs").device
    assert id_ is not None
    with keyservers.make_client() as client:
        with pytest.raises(ProblemError) as error:
            client.revoke_device(mine, id_)
        assert error.value.kind == "not-found"
        with pytest.raises(ProblemError) as error:
            client.rename_device(mine, id_, "mine")
        assert error.value.kind == "not-found"
        assert len(client.get_devices(theirs)) == 1
    with pytest.raises(ProblemError) as error:  # one key is one wallet's
        keyservers.unlock(replace(other, device=mine), register="stolen")
    assert error.value.kind == "device-unknown"


def test_a_wallet_has_fifty_devices(keyservers: KeyServers) -> None:
    given, _ = keyservers.sign_up("correct horse")
    last = generate_key()
    keyservers.unlock(replace(given, device=last), register="first")
    keyservers.connection.execute(
        "insert into keyserver.devices (id, wallet, key, name, seen_at)"
        " select gen_random_uuid(), wallet, sha256(n::text::bytea || key), name,"
        " now() - n * interval '1 day'"
        " from keyserver.devices, generate_series(1, 49) as n where key = %s",
        (bytes(last.verify_key),),
    )
    keyservers.unlock(replace(given, device=generate_key()), register="one more")
    ((count,),) = keyservers.connection.execute(
        "select count(*) from keyserver.devices d join keyserver.devices o using (wallet)"
        " where o.key = %s",
        (bytes(last.verify_key),),
    ).fetchall()
    assert count == 50
