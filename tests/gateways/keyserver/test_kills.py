"""A password change killed at every labelled point: never locked out, never two live versions."""

from dataclasses import replace

import pytest

from gateways.client.errors import ClientError
from gateways.client.keyserver import KeyServerClient
from gateways.client.rotations import make_rotation
from gateways.client.wallets import Credentials
from schemas.generated.common import Hash
from streams.kill_points import KEYSERVER_LABELS
from tests.gateways.keyserver.support import KeyServers, get_refusal


def opens(keyservers: KeyServers, given: Credentials) -> bool:
    """By the instances that live."""
    refused = get_refusal(lambda: keyservers.unlock(given))
    assert refused in ("", "secret-wrong", "change-undecided")
    return not refused


@pytest.mark.parametrize("label", KEYSERVER_LABELS)
def test_a_password_change_survives(keyservers: KeyServers, label: str) -> None:
    old, signup = keyservers.sign_up("correct horse")
    new = replace(old, secret="new horse")
    wallet = keyservers.unlock(old)
    network = Hash(keyservers.gateway.world.network.network_id)
    made: list[bytes] = []

    def rotate(content: object, key: object) -> bytes:
        made.append(make_rotation(network, keyservers.get_now_ms())(content, key))  # type: ignore[arg-type]
        return made[0]

    keyservers.stop(0)  # only the one that dies settles meanwhile
    keyservers.stop(1)
    try:
        with keyservers.run_process(label) as process:
            with KeyServerClient(process.url) as client:
                is_begun = True
                try:
                    client.change_password(old, wallet.content, wallet.version, new.secret, rotate)
                except ClientError:
                    is_begun = False
            if "activate" in label:
                assert is_begun
                keyservers.close(made[0])
            process.wait_until_dead()
    finally:
        keyservers.start(0)
        keyservers.start(1)
    versions = keyservers.connection.execute(
        "select count(*) from keyserver.wallets where account = %s",
        (bytes(signup.content.key.verify_key),),
    ).fetchall()
    assert versions == [(1,)]
    if "activate" in label:
        assert (opens(keyservers, old), opens(keyservers, new)) == (False, True)
        return
    assert opens(keyservers, old)
    keyservers.forget_tries()
    if label == "after-change":  # the client repeats what it got no answer to: it waits already
        keyservers.close(made[0])
        assert (opens(keyservers, new), opens(keyservers, old)) == (True, False)
    else:
        assert not opens(keyservers, new)
