"""Erasure: afterwards nothing that a person has handed in can be read anywhere, also not in what
was copied before.
"""

import contextlib
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from gateways.api.columns import COLUMNS
from gateways.client.errors import ProblemError
from gateways.client.keys import get_address
from gateways.client.sealed_documents import DocumentUnopenable, open_document
from gateways.keychain.service import name_key
from gateways.sealing.file import add_version, drop_old_versions
from gateways.sealing.keks import KekError, KeyEncryptionKeys
from gateways.sealing.settings import open_keks
from schemas.generated.common import AccountID
from schemas.generated.events import AccountRecipient
from tests.gateways.kyc.support import DOCUMENT, FORM, Kyc, allow_custom
from tests.gateways.kyc.test_checker import make_png
from tests.gateways.support import wait_until
from tests.processors.notificator.test_engine import seal_for
from tests.support.canary import get_forms
from tests.support.network import get_key
from tests.support.sandbox import Mood

pytestmark = pytest.mark.servers
NAME, EMAIL = "Zbigniewa-Canary-4711", "canary-4711@example.org"
COPIED = "canary-4712@example.org"


@pytest.fixture(scope="module", autouse=True)
def clerk(kyc: Kyc) -> None:
    """May hold and erase; the registrar's key may erase keys (`infra.local.registrar`)."""
    rules = [allow_custom("api", each) for each in ("hold", "erase", "read-documents")]
    with kyc.apis.miner.lock:
        kyc.keychains.add_signer("master", "clerk", *rules)


def dump_all(url: str) -> bytes:
    """Every row of every table of a database, bytes in hex."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables where table_schema"
            " not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        query = sql.SQL("select t::text from {} t")
        rows = [
            row
            for each in tables
            for row in connection.execute(query.format(sql.Identifier(*each))).fetchall()
        ]
    return "\n".join(text for (text,) in rows).encode()


def dump_topic(kyc: Kyc, topic: str) -> bytes:
    """Every record that it has now."""
    settings = kyc.apis.gateway.servers.kafka.get_client_settings()
    consumer = Consumer({**settings, "group.id": topic, "enable.auto.commit": False})
    records = []
    for number in consumer.list_topics(topic).topics[topic].partitions:
        partition = TopicPartition(topic, number, 0)
        first, end = consumer.get_watermark_offsets(partition)
        consumer.assign([partition])
        while first < end:
            message = consumer.poll(30)
            assert message is not None, topic
            first = (message.offset() or 0) + 1
            records += [message.key() or b"", message.value() or b""]
    consumer.close()
    return b"\n".join(records)


def dump_objects(kyc: Kyc) -> bytes:
    client, bucket = kyc.object_store.client, kyc.apis.documents.bucket
    keys = kyc.object_store.list_keys(kyc.apis.documents)
    return b"\n".join(client.get_object(Bucket=bucket, Key=k)["Body"].read() for k in keys)


def leave_a_dead_letter(kyc: Kyc, account_id: bytes) -> None:
    """A message that no provider took: its text is kept, for whoever redrives it."""
    notificator, instance = kyc.apis.notificator, kyc.apis.instance
    notificator.sandbox.moods["mailgun"] = [Mood.REFUSING]
    request = notificator.request(
        recipient=AccountRecipient(AccountID(account_id)),
        data=b"{}",
        sealed_data=seal_for(instance, {"subject": NAME, "text": NAME}),
    )
    notificator.produce(request)
    notificator.wait_for(request.token, "DEAD")


def dump_everything(kyc: Kyc) -> dict[str, bytes]:
    """What the system has kept of anybody: databases with views, books of messages and dead
    letters; topics; objects; logs of processes."""
    gateway, notificator = kyc.apis.gateway, kyc.apis.notificator
    logs = [each.read_bytes() for each in (kyc.apis.instance.log, *kyc.folder.glob("*.log"))]
    topics = (kyc.topic, kyc.ledgers_topic, gateway.topic, notificator.intake, notificator.receipts)
    return {
        "API": dump_all(kyc.apis.database_url),
        "KeyChain": dump_all(kyc.keychains.database_url),
        "cases": dump_all(kyc.database_url),
        "messages": dump_all(notificator.url),
        "views": dump_all(gateway.world.database_url),
        "a gateway's memory": dump_all(gateway.store_url),
        **{topic: dump_topic(kyc, topic) for topic in topics},
        "objects": dump_objects(kyc),
        "logs": b"\n".join(logs),
    }


def copy_wrapped(kyc: Kyc) -> list[tuple[bytes, str]]:
    """All that API keeps wrapped, addresses among it, and what each is wrapped for."""
    return [
        (bytes(wrapped), context)
        for each in COLUMNS
        for wrapped, context in kyc.apis.query(
            f"select {each.column}, {each.name} from api.{each.table}"  # noqa: S608
            f" where {each.column} is not null"
        )
    ]


def try_wrapped(keks: KeyEncryptionKeys, copy: list[tuple[bytes, str]]) -> list[bytes]:
    opened = []
    for wrapped, context in copy:
        with contextlib.suppress(KekError):
            opened.append(keks.unwrap(wrapped, context))
    return opened


def try_all(keks: KeyEncryptionKeys, copy: dict[str, Any]) -> list[bytes]:
    """What a thief of the copy and of the keys that remain can open of it."""
    opened = []
    for key_id, wrapped in copy["keys"]:
        try:
            private = keks.unwrap(wrapped, name_key(key_id))
        except KekError:
            continue
        for sealed in copy["sealed"]:
            with contextlib.suppress(DocumentUnopenable):  # it is another one's
                opened.append(b"".join(open_document(private, [sealed])))
    return opened


def rotate(file: Path) -> None:
    file.write_bytes(add_version(file.read_bytes()))


def retire(file: Path) -> None:
    file.write_bytes(drop_old_versions(file.read_bytes()))


def copy_all(kyc: Kyc, account_id: bytes) -> dict[str, Any]:
    """A backup from before: rows, sealed forms and objects."""
    ((form,),) = kyc.apis.query(
        "select form from api.submissions where account_id = %s", account_id
    )
    query = "select object_key from api.documents where account_id = %s"
    client, bucket = kyc.object_store.client, kyc.apis.documents.bucket
    objects = [
        client.get_object(Bucket=bucket, Key=key)["Body"].read()
        for (key,) in kyc.apis.query(query, account_id)
    ]
    keys = kyc.keychains.query(
        "select key_id, wrapped from keychain.keys where owner = %s", account_id
    )
    return {"keys": keys, "sealed": [form, *objects]}


def test_nothing_is_readable_after_an_erasure(kyc: Kyc, capsys: pytest.CaptureFixture[str]) -> None:
    assert kyc.apis.register("zoe", EMAIL).status_code in (201, 202)
    address, account_id = get_address(get_key("zoe")), bytes(get_key("zoe").verify_key)
    picture = make_png((37, 41))
    fields = {"first_name": NAME, "last_name": NAME}
    handed = kyc.hand_in("zoe", {"photo_id_front": picture}, fields)
    other = kyc.add_person("yves")
    kept = kyc.hand_in("yves", {"photo_id_front": picture})
    copy = copy_all(kyc, account_id)
    before = try_all(open_keks(kyc.keychains.settings.kek), copy)
    assert any(NAME.encode() in each for each in before)
    leave_a_dead_letter(kyc, account_id)
    with kyc.open("zoe") as api:
        assert api.ask_for_erasure(address)["state"] in ("ASKED", "ERASED")
        wait_until(lambda: api.get_erasure(address)["state"] == "ERASED", 60)
        shown = api.get_submission(address, handed.commitment.hex())
    assert (shown["form"], shown["salt"], shown["documents"]) == (None, None, {})
    assert shown["erased_at"] is not None
    forms = [f for canary in (NAME, EMAIL) for f in get_forms(canary)]
    forms += [picture, picture.hex().encode()]
    captured = capsys.readouterr()  # what the gateways of this process have logged
    places = {**dump_everything(kyc), "logs of gateways": f"{captured}".encode()}
    assert b"/erasure" in places["logs of gateways"]
    for place, content in places.items():
        assert [form for form in forms if form in content] == [], place
    assert kyc.keychains.query("select 1 from keychain.keys where owner = %s", account_id) == []
    for table in ("people", "documents", "blobs", "usage", "invitations", "person_statements"):
        query = f"select 1 from api.{table} where account_id = %s"  # noqa: S608
        assert kyc.apis.query(query, account_id) == [], table
    kyc.wait_for_event("ERASED", account_id)
    with kyc.open("yves") as api:  # others' data stays
        assert api.get_submission(other, kept.commitment.hex())["salt"] is not None


def test_a_copy_from_before_ends_with_the_keys_of_its_time(kyc: Kyc) -> None:
    assert kyc.apis.register("xenia", COPIED).status_code in (201, 202)
    address, account_id = get_address(get_key("xenia")), bytes(get_key("xenia").verify_key)
    kyc.hand_in("xenia", {"photo_id_front": make_png()}, {"first_name": NAME, "last_name": NAME})
    copy, of_api = copy_all(kyc, account_id), copy_wrapped(kyc)
    whole = dump_everything(kyc)  # a backup: everything but key-encryption keys
    assert not [place for place in whole if NAME.encode() in whole[place]]
    with kyc.open("xenia") as api:
        api.ask_for_erasure(address)
        wait_until(lambda: api.get_erasure(address)["state"] == "ERASED", 60)
    keks = kyc.keychains.settings.kek, kyc.apis.kek
    files = [each.path for each in keks if each.path is not None]
    for file in files:
        rotate(file)
    newest, of_apis = (open_keks(each) for each in keks)
    assert any(NAME.encode() in each for each in try_all(newest, copy))
    assert any(COPIED.encode() in each for each in try_wrapped(of_apis, of_api))
    head = newest.wrap(b"", "")[:5]
    old = (
        "select 1 from keychain.keys where substring(wrapped from 1 for 5) <> %s union"
        " select 1 from keychain.checks where substring(content from 1 for 5) <> %s"
    )
    wait_until(lambda: not kyc.keychains.query(old, head, head), 60)
    wait_until(lambda: all(wrapped[:5] == head for wrapped, _ in copy_wrapped(kyc)), 120)
    for file in files:
        retire(file)
    assert try_all(open_keks(keks[0]), copy) == []
    assert try_wrapped(open_keks(keks[1]), of_api) == []
    ulla = kyc.add_person("ulla")  # everything goes on with the newest version
    kyc.hand_in("ulla", {"photo_id_front": make_png()})
    with kyc.open_keychain("ulla") as keychain:
        assert all(len(keychain.open_key(each["id"])) == 32 for each in keychain.list_keys(ulla))


def test_the_law_holds_an_erasure_visibly(kyc: Kyc) -> None:
    address, account_id = kyc.add_person("wim"), bytes(get_key("wim").verify_key)
    handed = kyc.hand_in("wim", {"photo_id_front": make_png()})
    with kyc.open("wim") as owner, kyc.open("clerk") as clerk:
        with pytest.raises(ProblemError) as caught:
            owner.hold(address, "I_WANT_IT", "2040-01-01")
        assert caught.value.kind == "forbidden"
        clerk.hold(address, "RETENTION_OF_FIVE_YEARS", "2040-01-01")
        found = owner.ask_for_erasure(address)
        assert (found["state"], found["reason"]) == ("HELD", "RETENTION_OF_FIVE_YEARS")
        assert found["held_until"] == "2040-01-01"
        kyc.wait_for_event("HELD", account_id)
        tries = "select tries from api.erasures where account_id = %s and reason = 'HELD'"
        wait_until(lambda: kyc.apis.query(tries, account_id), 60)
        assert owner.get_submission(address, handed.commitment.hex())["salt"] is not None
        clerk.release_hold(address)
        wait_until(lambda: owner.get_erasure(address)["state"] == "ERASED", 60)


def test_only_the_owner_and_clerks_erase(kyc: Kyc) -> None:
    address = kyc.add_person("vito")
    kyc.add_person("mallory")
    with kyc.open("mallory") as stranger, pytest.raises(ProblemError) as caught:
        stranger.ask_for_erasure(address)
    assert caught.value.kind == "forbidden"
    with kyc.open("clerk") as clerk:
        clerk.ask_for_erasure(address)
        wait_until(lambda: clerk.get_erasure(address)["state"] == "ERASED", 60)


@pytest.mark.parametrize("class_", [DOCUMENT, FORM])
def test_keys_are_erased_by_those_who_may_alone(kyc: Kyc, class_: str) -> None:
    address = kyc.add_person("tom")
    kyc.hand_in("tom", {"photo_id_front": make_png()})
    path = f"/v1/accounts/{address}/classes/{class_}"
    kyc.add_person("mallory")
    answer = kyc.keychains.send_now("DELETE", path, "mallory")
    assert (answer.status_code, find_kind(answer)) == (404, "not-found")
    assert kyc.keychains.send_now("DELETE", path, "tom").status_code == 204
    owner = bytes(get_key("tom").verify_key)
    left = kyc.keychains.query("select class from keychain.keys where owner = %s", owner)
    assert (class_,) not in left


def find_kind(answer: Any) -> str:
    return re.sub(".*#problem-", "", answer.json()["type"])
