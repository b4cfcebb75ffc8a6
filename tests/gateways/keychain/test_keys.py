"""Keys go to their owner and to entitled administrators, and to nobody else."""

import asyncio
import base64
import threading
from pathlib import Path
from typing import Any

import pytest
from nacl.public import PrivateKey

from gateways.client.keys import get_address
from gateways.http.store import Store
from gateways.keychain.audit import START, Head, Row, verify_chain
from gateways.keychain.service import KeyChain
from gateways.sealing.file import add_version
from gateways.sealing.keks import get_version
from gateways.sealing.rewrapping import rewrap
from gateways.sealing.settings import open_keks
from schemas.generated.common import AccessRule, Action, AnyResource, SignerResource
from tests.gateways.keychain.support import BULK, KEYS_MAX, KeyChains, allow, forbid, tick
from tests.support.network import get_key

pytestmark = pytest.mark.servers
ANYTHING = AccessRule(AnyResource(), Action.ANY, forbids=False)
SIGNERS = AccessRule(SignerResource(None), Action.ANY, forbids=False)


def test_the_owner_gets_the_private_half_of_what_was_made(keychains: KeyChains) -> None:
    made = keychains.create("alice", "passport/1")
    status, private = keychains.release(made["id"], "alice", at=1)
    assert status == 200
    assert bytes(PrivateKey(private).public_key).hex() == made["public_key"]
    listed = keychains.send("GET", f"/v1/accounts/{get_address(get_key('alice'))}/keys", "alice")
    assert made in listed.json()["keys"]


def test_a_subject_has_one_key(keychains: KeyChains) -> None:
    keychains.create("alice", "passport/2")
    content = {
        "owner": get_address(get_key("alice")),
        "class": "passport",
        "subject": "passport/2",
    }
    again = keychains.send("POST", "/v1/keys", "alice", content, at=1)
    assert (again.status_code, again.json()["type"].rpartition("#")[2]) == (
        409,
        "problem-key-exists",
    )


@pytest.mark.parametrize("signer", ["bob", "nobody", "master", "keychain's reader"])
def test_others_learn_nothing(keychains: KeyChains, signer: str) -> None:
    """Not even the master, whose role may do anything: no rule of his names the class."""
    made = keychains.create("alice", f"secret of {signer}".replace(" ", "-").replace("'", ""))
    there = keychains.send(
        "POST", f"/v1/keys/{made['id']}/release", signer, {"recipient": "11" * 32}
    )
    missing = keychains.send(
        "POST", f"/v1/keys/{'00' * 16}/release", signer, {"recipient": "11" * 32}
    )
    assert there.status_code == missing.status_code == 404
    assert there.json()["detail"] == missing.json()["detail"]
    listed = keychains.send("GET", f"/v1/accounts/{get_address(get_key('alice'))}/keys", signer)
    assert listed.json()["keys"] == []
    content = {"owner": get_address(get_key("alice")), "class": "passport", "subject": "mine"}
    assert keychains.send("POST", "/v1/keys", signer, content).status_code == 404


CASES = (
    ("names-the-class", (allow("keychain:passport", "open"),), 200),
    ("names-any-action", (allow("keychain:passport", None),), 200),
    ("names-another-class", (allow("keychain:selfie", "open"),), 404),
    ("names-another-action", (allow("keychain:passport", "erase"),), 404),
    ("names-no-class", (allow(None, "open"),), 404),
    ("may-do-anything", (ANYTHING,), 404),
    ("is-forbidden", (allow("keychain:passport", "open"), forbid("keychain:passport", None)), 404),
)


@pytest.mark.parametrize(("name", "rules", "status"), CASES, ids=[case[0] for case in CASES])
def test_an_administrator_needs_a_rule_that_names_the_class(
    keychains: KeyChains, name: str, rules: tuple[AccessRule, ...], status: int
) -> None:
    made = keychains.create("alice", f"for-{name}")
    keychains.add_signer("master", name, *rules)
    assert keychains.release(made["id"], name)[0] == status


def test_a_signer_for_recovery_alone_gets_no_keys(keychains: KeyChains) -> None:
    made = keychains.create("bob", "passport/1")
    keychains.add_signer("bob", "bob's recovery", SIGNERS)
    keychains.add_signer("bob", "bob's tablet", ANYTHING)
    assert keychains.release(made["id"], "bob's recovery")[0] == 404
    assert keychains.release(made["id"], "bob's tablet")[0] == 200


def test_a_removed_administrator_gets_nothing_from_the_next_ledger_on(
    keychains: KeyChains,
) -> None:
    made = keychains.create("alice", "for-the-removed")
    keychains.add_signer("master", "removed", allow("keychain:passport", "open"))
    assert keychains.release(made["id"], "removed")[0] == 200
    keychains.remove_signer("master", "removed")
    for at in (0, 1):
        content = {"recipient": bytes(PrivateKey.generate().public_key).hex()}
        path = f"/v1/keys/{made['id']}/release"
        assert keychains.send_now("POST", path, "removed", content, at).status_code == 404
    actor = bytes(get_key("removed").verify_key)
    rows = keychains.query("select action from keychain.audit where actor = %s", actor)
    assert rows == [("release-administrator",)]  # what he was given is listed


def test_many_keys_need_a_second_person(keychains: KeyChains) -> None:
    keychains.add_signer("master", "collector", allow("keychain:passport", "open"))
    keychains.add_signer("master", "approver", allow("keychain", "approve"))
    made = [keychains.create("alice", f"of-many/{number}") for number in range(BULK + 1)]
    taken = [keychains.release(each["id"], "collector", at=n % 2)[0] for n, each in enumerate(made)]
    assert taken == [200] * BULK + [403]
    approval = {"administrator": get_address(get_key("collector")), "releases": 1}
    assert keychains.send("POST", "/v1/approvals", "collector", approval).status_code == 403
    assert keychains.send("POST", "/v1/approvals", "alice", approval).status_code == 403
    assert keychains.send("POST", "/v1/approvals", "approver", approval).status_code == 204
    assert keychains.release(made[-1]["id"], "collector")[0] == 200
    assert keychains.release(made[0]["id"], "collector")[0] == 403


def test_releases_at_once_are_all_counted(keychains: KeyChains) -> None:
    keychains.add_signer("master", "hasty", allow("keychain:passport", "open"))
    made = keychains.create("alice", "for-the-hasty")
    statuses: list[int] = []

    def take(at: int) -> None:
        content = {"recipient": bytes(PrivateKey.generate().public_key).hex()}
        path = f"/v1/keys/{made['id']}/release"
        statuses.append(keychains.send_now("POST", path, "hasty", content, at).status_code)

    tick(keychains.world)
    threads = [threading.Thread(target=take, args=(number % 2,)) for number in range(3 * BULK)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) == BULK
    assert set(statuses) == {200, 403}


def test_an_erased_key_is_gone_and_its_trace_stays(keychains: KeyChains) -> None:
    made = keychains.create("alice", "to-be-erased")
    assert keychains.send("DELETE", f"/v1/keys/{made['id']}", "bob").status_code == 404
    assert keychains.send("DELETE", f"/v1/keys/{made['id']}", "alice").status_code == 204
    assert keychains.release(made["id"], "alice")[0] == 404
    key_id = bytes.fromhex(made["id"])
    assert keychains.query("select 1 from keychain.keys where key_id = %s", key_id) == []
    rows = keychains.query(
        "select action from keychain.audit where key_id = %s order by number", key_id
    )
    assert [row[0] for row in rows] == ["create", "erase-owner"]


@pytest.mark.parametrize("recipient", ["00" * 32, "01" + "00" * 31, "", "zz" * 32, "11" * 31])
def test_a_recipient_that_anybody_could_be_is_refused(keychains: KeyChains, recipient: str) -> None:
    made = keychains.create("alice", f"for-{recipient[:4] or 'none'}-{len(recipient)}")
    content = {"recipient": recipient}
    answer = keychains.send("POST", f"/v1/keys/{made['id']}/release", "alice", content)
    assert answer.status_code == 400


def test_an_account_has_a_quota(keychains: KeyChains) -> None:
    owner = get_address(get_key("bob"))
    there = len(keychains.send("GET", f"/v1/accounts/{owner}/keys", "bob").json()["keys"])
    for number in range(there, KEYS_MAX):
        keychains.create("bob", f"of-the-quota/{number}")
    content = {"owner": owner, "class": "passport", "subject": "one-too-many"}
    answer = keychains.send("POST", "/v1/keys", "bob", content)
    assert (answer.status_code, answer.json()["type"].rpartition("#")[2]) == (
        409,
        "problem-quota-exceeded",
    )


def read_log(keychains: KeyChains) -> list[Row]:
    return [
        Row(number, content, digest)
        for number, content, digest in keychains.query(
            "select number, content, hash from keychain.audit order by number"
        )
    ]


def test_the_log_is_a_chain_that_an_auditor_reads(keychains: KeyChains) -> None:
    keychains.create("alice", "of-the-log")
    keychains.add_signer("master", "auditor", allow("keychain", "audit"))
    rows = read_log(keychains)
    head = verify_chain(Head(0, START), rows)
    told = keychains.send("GET", "/v1/audit/head", None).json()
    assert told == {"number": str(head.number), "hash": head.hash.hex()}
    assert keychains.send("GET", "/v1/audit", "alice").status_code == 403
    shown: list[Any] = []
    while True:
        page = keychains.send("GET", f"/v1/audit?after={len(shown)}&limit=7", "auditor").json()
        if not page["rows"]:
            break
        shown += page["rows"]
    assert [each["content"] for each in shown] == [row.content for row in rows]


def test_no_private_key_is_readable_in_the_database(keychains: KeyChains) -> None:
    made = keychains.create("alice", "hidden")
    _, private = keychains.release(made["id"], "alice")
    for table in ("keys", "audit", "ledger", "checks"):
        dump = str(keychains.query(f"select t::text from keychain.{table} t"))  # noqa: S608
        assert private.hex() not in dump
        assert base64.b64encode(private).decode() not in dump


def test_keys_follow_a_new_version_of_the_key_encryption_keys(keychains: KeyChains) -> None:
    made = keychains.create("alice", "wrapped-again")
    before = keychains.release(made["id"], "alice")
    file = Path(str(keychains.settings.kek.path))
    file.write_bytes(add_version(file.read_bytes()))
    keks = open_keks(keychains.settings.kek)

    async def work() -> int:
        store = Store(keychains.database_url)
        await store.start()
        try:
            return await rewrap(store, keks, KeyChain.schema, KeyChain.wrapped)
        finally:
            await store.stop()

    assert asyncio.run(work()) >= 1
    rows = keychains.query("select wrapped from keychain.keys")
    assert {get_version(wrapped) for (wrapped,) in rows} == {keks.newest}
    assert keychains.release(made["id"], "alice", at=1) == before
