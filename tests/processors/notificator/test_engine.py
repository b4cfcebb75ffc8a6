"""Messages from a topic to a provider: once, in the right way, or visibly not."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from confluent_kafka import Consumer

from processors.notificator.letters import compute_key
from processors.notificator.sealing import seal
from schemas.codec import unframe
from schemas.generated.common import AccountID
from schemas.generated.events import (
    AccountRecipient,
    NotificationReceipt,
    NotificationRequest,
    NotificationState,
    Sealed,
    SealedRecipient,
)
from schemas.strkey import encode_account_id
from tests.processors.notificator.support import Instance, World
from tests.support.network import get_account
from tests.support.sandbox import Mood, Sandbox


def get_key(request: NotificationRequest) -> str:
    return compute_key(request.type, request.token)


def send(world: World, request: NotificationRequest) -> tuple[str, str]:
    """Until it has ended."""
    world.produce(request)
    return world.wait_for(request.token, "SENT", "DELIVERED", "DEAD", "FAILED")


def seal_for(one: Instance, content: dict[str, Any]) -> Sealed:
    """As a producing service does, by the key that the private port gives away."""
    answer = one.ask("GET", "/v1/sealing-key", token="none").json()
    return seal(bytes.fromhex(answer["public_key"]), answer["epoch"], content)


def test_equal_requests_are_one_message(world: World, one: Instance, sandbox: Sandbox) -> None:
    request = world.request()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: world.produce(request), range(100)))
    world.wait_for(request.token, "SENT")
    later = world.request()
    send(world, later)
    rows = world.query("SELECT id FROM notificator.messages WHERE token = %s", request.token)
    assert len(rows) == 1
    assert sandbox.get_counts()[get_key(request)] == 1


def test_every_change_is_told(world: World, one: Instance, sandbox: Sandbox) -> None:
    request = world.request()
    assert send(world, request) == ("SENT", "")
    settings = world.servers.kafka.get_client_settings()
    consumer = Consumer({**settings, "group.id": world.prefix, "auto.offset.reset": "earliest"})
    consumer.subscribe([world.receipts])
    told: dict[int, NotificationReceipt] = {}
    try:
        while len(told) < 3:
            message = consumer.poll(20)
            assert message is not None, told
            receipt = unframe(NotificationReceipt, message.value() or b"")
            if receipt.token == request.token:
                told[receipt.number] = receipt
    finally:
        consumer.close()
    states = [told[number].state for number in (1, 2, 3)]
    assert states == [NotificationState.QUEUED, NotificationState.SENDING, NotificationState.SENT]
    assert (told[3].provider, told[3].source) == ("mailgun", world.intake.partition(".not")[0])


def test_an_address_is_sealed_and_a_code_too(world: World, one: Instance, sandbox: Sandbox) -> None:
    contact = {"email": "dora.canary@example.org"}
    request = world.request(
        type="email_code",
        recipient=SealedRecipient(seal_for(one, contact)),
        data=b"{}",
        sealed_data=seal_for(one, {"code": "739214", "minutes": 15}),
    )
    assert send(world, request) == ("SENT", "")
    assert sandbox.letters[-1].fields["to"] == "dora.canary@example.org"
    assert "739214" in sandbox.letters[-1].fields["text"]
    table = repr(world.query("SELECT * FROM notificator.messages"))
    attempts = repr(world.query("SELECT * FROM notificator.attempts"))
    for canary in ("dora.canary", "739214"):
        assert canary not in table + attempts + one.log.read_text()
    (row,) = world.query(
        "SELECT contact, sealed_data FROM notificator.messages WHERE token = %s", request.token
    )
    assert row == (None, None)


def test_what_was_sealed_to_another_key_is_dead(world: World, one: Instance) -> None:
    sealed = Sealed(1, seal_for(one, {"email": "x@example.org"}).box)
    request = world.request(recipient=SealedRecipient(sealed))
    assert send(world, request) == ("DEAD", "UNOPENABLE")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"type": "nothing_such"}, "UNKNOWN_TYPE"),
        ({"caused_at_ms": 1_700_000_000_000}, "TOO_OLD"),
        ({"recipient": AccountRecipient(AccountID(bytes(32)))}, "NO_ADDRESS"),
        ({"data": b'{"subject": "only"}'}, "UNRENDERABLE"),
    ],
)
def test_what_cannot_be_sent_is_a_dead_letter(
    world: World, one: Instance, sandbox: Sandbox, changes: dict[str, Any], reason: str
) -> None:
    request = world.request(**changes)
    assert send(world, request) == ("DEAD", reason)
    shown = one.ask("GET", "/v1/dead").json()["messages"]
    assert {"token": request.token, "reason": reason}.items() <= {
        key: value for row in shown if row["token"] == request.token for key, value in row.items()
    }.items()
    others = [each for each in sandbox.letters if each.fields.get("o:tag") != "alarm"]
    assert others == []  # operators are told of dead letters


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"nonsense",
        b'{"subject": "\\u0000", "text": "T"}',
        b"[1]",
        b'{"x": 1e400000}',
    ],
)
def test_what_cannot_be_read_stops_nobody(world: World, one: Instance, record: bytes) -> None:
    is_data = record.startswith((b"{", b"["))
    world.produce(world.request(data=record) if is_data else record)
    after = world.request()
    assert send(world, after) == ("SENT", "")
    assert world.query("SELECT reason FROM notificator.unreadable") != []
    assert one.ask("GET", "/v1/dead").json()["unreadable"] != []


@pytest.mark.parametrize(
    ("mood", "copies"),
    [
        (Mood.LIMITED, 1),
        (Mood.AWAY, 1),
        (Mood.BROKEN, 1),
        (Mood.TAKEN_BROKEN, 1),
        (Mood.TAKEN_DROPPED, 1),
        (Mood.TAKEN_WRONG, 1),
    ],
)
def test_a_provider_that_can_be_searched_gets_a_letter_once(
    world: World, one: Instance, sandbox: Sandbox, mood: Mood, copies: int
) -> None:
    sandbox.moods["mailgun"] = [mood]
    request = world.request()
    assert send(world, request)[0] == "SENT"
    assert sandbox.get_counts()[get_key(request)] == copies


def test_sms_is_searched_by_its_text(world: World, one: Instance, sandbox: Sandbox) -> None:
    sandbox.moods["twilio"] = [Mood.TAKEN_DROPPED]
    data = msgspec.json.encode({"code": "551199", "minutes": 15})
    request = world.request(type="sms_code", data=data)
    state, _ = send(world, request)
    assert state in ("SENT", "DELIVERED")
    assert [x.fields["To"] for x in sandbox.letters] == ["+491700000000"]
    world.wait_for(request.token, "DELIVERED")


def test_only_allowed_countries_get_sms(world: World, one: Instance, sandbox: Sandbox) -> None:
    contacts = json.loads(world.contacts.read_text())
    contacts[encode_account_id(get_account("zoe"))] = {"phone": "+12025550123"}
    world.set_contacts(contacts)
    data = msgspec.json.encode({"code": "551199", "minutes": 15})
    assert send(world, world.request("zoe", type="sms_code", data=data)) == (
        "DEAD",
        "COUNTRY_NOT_ALLOWED",
    )
    assert sandbox.letters == []


def test_the_next_channel_is_used(world: World, one: Instance, sandbox: Sandbox) -> None:
    contacts = json.loads(world.contacts.read_text())
    contacts[encode_account_id(get_account("phil"))] = {"phone": "+491700000077"}
    world.set_contacts(contacts)
    data = msgspec.json.encode({"device": "a phone", "time": "now"})
    request = world.request("phil", type="new_device", data=data)
    assert send(world, request)[0] in ("SENT", "DELIVERED")
    assert [x.provider for x in sandbox.letters] == ["twilio"]


def test_once_means_rather_not_at_all(world: World, one: Instance, sandbox: Sandbox) -> None:
    """What is found was sent; what is not found is for an operator to decide."""
    data = msgspec.json.encode({"invoice": "1", "amount": "1", "asset": "EUR"})
    sandbox.moods["mailgun"] = [Mood.TAKEN_DROPPED]
    found = world.request(type="invoice_paid", data=data)
    assert send(world, found) == ("SENT", "FOUND")
    assert sandbox.get_counts()[get_key(found)] == 1
    sandbox.moods["mailgun"] = [Mood.BROKEN]
    lost = world.request(type="invoice_paid", data=data)
    assert send(world, lost) == ("DEAD", "AMBIGUOUS")
    assert sandbox.get_counts()[get_key(lost)] == 0
    assert one.ask("POST", "/v1/redrive", {"reason": "AMBIGUOUS"}).json() == {"redriven": 1}
    world.wait_for(lost.token, "SENT")
    assert sandbox.get_counts()[get_key(lost)] == 1


def test_a_bounced_address_is_not_written_to_again(
    world: World, one: Instance, sandbox: Sandbox
) -> None:
    contacts = json.loads(world.contacts.read_text())
    contacts[encode_account_id(get_account("gone"))] = {"email": "gone@example.org"}
    world.set_contacts(contacts)
    request = world.request("gone")
    assert send(world, request)[0] == "SENT"
    sandbox.letters[-1].status = "failed"
    assert world.wait_for(request.token, "FAILED") == ("FAILED", "BOUNCED")
    assert send(world, world.request("gone")) == ("DEAD", "SUPPRESSED")
    lifted = {"channel": "email", "address": "gone@example.org"}
    assert one.ask("DELETE", "/v1/suppressions", lifted).json() == {"lifted": True}
    assert send(world, world.request("gone"))[0] == "SENT"


def test_a_limit_per_recipient_delays(world: World, one: Instance, sandbox: Sandbox) -> None:
    """Ten codes in an hour; the others wait, and expire."""
    data = msgspec.json.encode({"code": "1", "minutes": 15})
    requests = [world.request("carol", type="email_code", data=data) for _ in range(13)]
    world.produce(*requests)
    tokens = [request.token for request in requests]

    def count(state: str, reason: str) -> int:
        states = [world.get_message(token) for token in tokens]
        return states.count((state, reason))

    world.wait_until(lambda: count("SENT", "") + count("QUEUED", "RATE_LIMITED") == 13)
    assert count("SENT", "") == 10
    assert len(sandbox.letters) == 10
    world.query(
        "UPDATE notificator.messages SET expires_at = now(), next_at = now()"
        " WHERE reason = 'RATE_LIMITED'"
    )
    world.wait_until(lambda: count("DEAD", "EXPIRED") == 3)


def test_the_private_port_wants_its_token(world: World, one: Instance) -> None:
    paths = (
        *("/status", "/metrics", "/v1/dead", "/v1/providers", "/v1/subscriptions"),
        "/v1/messages/message/none",
    )
    for path in paths:
        assert one.ask("GET", path, token="wrong").status_code == 401
    for path in ("/v1/messages", "/v1/redrive", "/v1/preview", "/v1/suppressions"):
        assert one.ask("POST", path, {}, token="wrong").status_code == 401
    assert one.ask("GET", "/health", token="none").status_code == 200
    assert "tokend_notificator_calls" in one.ask("GET", "/metrics").text


def test_operators_look_and_send(world: World, one: Instance, sandbox: Sandbox) -> None:
    account = encode_account_id(get_account("bob"))
    content = {"type": "message", "account": account, "data": {"subject": "S", "text": "T"}}
    sent = one.ask("POST", "/v1/messages", content).json()
    world.wait_for(sent["token"], "SENT")
    shown = one.ask("GET", f"/v1/messages/message/{sent['token']}").json()
    assert (shown["account_id"], shown["state"], shown["source"]) == (account, "SENT", "operator")
    assert [each["outcome"] for each in shown["attempts"]] == ["accepted"]
    assert one.ask("GET", "/v1/messages/message/none").status_code == 404
    preview = one.ask("POST", "/v1/preview", {"type": "issued", "locale": "de"}).json()
    assert preview["subject"] == "12.50 EUR wurden an Sie ausgegeben"
    for wrong in ({"type": "x"}, {"type": "issued", "locale": "fr"}, {"unknown": 1}):
        assert one.ask("POST", "/v1/preview", wrong).status_code == 400
    assert one.ask("POST", "/v1/redrive", {}).status_code == 400
