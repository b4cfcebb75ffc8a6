"""Without a proof that is certified, new and of this network, nothing is given."""

from pathlib import Path

import pytest
from msgspec.structs import replace as replace_struct

from gateways.client.keys import get_address
from gateways.keychain.apart import NotKnown, find_shared
from gateways.keychain.settings import ApartSettings, HorizonSettings
from infra.local.ports import choose_port
from schemas.codec import encode
from schemas.generated.consensus import QuorumSet, QuorumSetUpgrade, Upgrade
from tests.gateways.keychain.support import READER, KeyChains, run_keychains, tick
from tests.gateways.support import encode_genesis, run_gateway
from tests.support.network import Network, get_key, get_public_key, make_genesis
from tests.support.servers import Servers

pytestmark = pytest.mark.servers
PIN = "update keychain.ledger set anchor = %s, header_hash = %s, quorum_set = %s"


def is_given(keychains: KeyChains, key_id: str, at: int = 0) -> int:
    """The status, without closing a ledger first."""
    path = f"/v1/keys/{key_id}/release"
    return keychains.send_now(
        "POST", path, "alice", {"recipient": "09" + "00" * 31}, at
    ).status_code


def test_a_ledger_from_before_one_that_was_seen_proves_nothing(keychains: KeyChains) -> None:
    made = keychains.create("alice", "of-evidence/1")
    assert is_given(keychains, made["id"]) == 200
    keychains.query("update keychain.ledger set sequence = sequence + 1")  # another instance saw it
    assert is_given(keychains, made["id"], at=0) == 503
    assert is_given(keychains, made["id"], at=1) == 503
    tick(keychains.world)
    assert is_given(keychains, made["id"], at=1) == 200


def test_changes_of_the_quorum_set_are_followed_once_each(keychains: KeyChains) -> None:
    made = keychains.create("alice", "of-evidence/2")
    validators = keychains.world.network.ledger.state.get_validators().quorum_set.validators
    for threshold in (4, 3):
        changed = QuorumSet(threshold, validators, ())
        tick(keychains.world)
        tick(keychains.world, upgrades=(encode(Upgrade(QuorumSetUpgrade(changed))),))
        for _ in range(3):
            tick(keychains.world)
        assert is_given(keychains, made["id"], at=threshold % 2) == 200
        ((anchor, quorum_set),) = keychains.query("select anchor, quorum_set from keychain.ledger")
        assert quorum_set == encode(changed)
        assert anchor == keychains.world.network.ledger.header.sequence - 3
        keychains.create("alice", f"after-{threshold}")


def test_two_changes_between_looks_need_a_new_anchor(keychains: KeyChains) -> None:
    made = keychains.create("alice", "of-evidence/3")
    validators = keychains.world.network.ledger.state.get_validators().quorum_set.validators
    outsider = tuple(sorted((*validators, get_public_key("validator 4"))))
    for changed in (QuorumSet(4, validators, ()), QuorumSet(4, outsider, ())):
        tick(keychains.world, upgrades=(encode(Upgrade(QuorumSetUpgrade(changed))),))
        tick(keychains.world)
    assert is_given(keychains, made["id"]) == 503
    header = keychains.world.network.ledger
    pinned = (header.header.sequence, header.header_hash, encode(changed))
    keychains.query(PIN, *pinned)
    assert is_given(keychains, made["id"]) == 200


def test_old_proofs_and_those_of_another_network_are_refused(
    servers: Servers, tmp_path: Path
) -> None:
    readers = (get_address(READER),)
    content = {"owner": get_address(get_key("alice")), "class": "passport", "subject": "1"}
    with run_gateway(servers, tmp_path, proof_readers=readers) as gateway:
        with run_keychains(gateway, tmp_path, count=1) as own:
            # The network has closed no ledger since its beginning, years ago.
            answer = own.send_now("POST", "/v1/keys", "alice", content)
            assert answer.status_code == 503
            assert answer.json()["type"].endswith("problem-ledger-unproved")
            assert own.query("select 1 from keychain.keys") == []
        genesis = replace_struct(make_genesis(), network_passphrase="of somebody else")
        gateway.world.genesis_file.write_bytes(encode_genesis(Network(genesis)))
        with run_keychains(gateway, tmp_path, count=1) as foreign:
            assert foreign.send("POST", "/v1/keys", "alice", content).status_code == 503


def test_horizon_proves_for_named_readers_alone(keychains: KeyChains) -> None:
    answer = keychains.gateway.client.post("/v3/access-proofs", json={"keys": ["22"]})
    assert answer.status_code == 403
    reader = keychains.gateway.sign_as("keychain's reader")
    answer = keychains.gateway.stranger.post(
        "/v3/access-proofs", json={"keys": ["1a00"]}, auth=reader
    )
    assert answer.status_code == 400  # balances are not for it


def test_what_api_uses_is_refused(keychains: KeyChains) -> None:
    assert find_shared(keychains.settings) is None
    ((system,),) = keychains.query("select system_identifier::text from pg_control_system()")
    same_server = ApartSettings(nodes=(), database_system=system)
    assert "store" in str(find_shared(replace_struct(keychains.settings, apart_from=same_server)))
    same_node = ApartSettings(nodes=(get_address(get_key("validator 0")),))
    assert "horizon" in str(find_shared(replace_struct(keychains.settings, apart_from=same_node)))


def test_one_horizon_that_answers_is_enough(keychains: KeyChains) -> None:
    away = HorizonSettings(url=f"http://127.0.0.1:{choose_port([])}")
    (there,) = keychains.settings.horizon
    assert find_shared(replace_struct(keychains.settings, horizon=(away, there))) is None
    with pytest.raises(NotKnown):
        find_shared(replace_struct(keychains.settings, horizon=(away,)))
