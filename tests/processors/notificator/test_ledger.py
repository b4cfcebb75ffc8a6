"""From ledgers to messages and webhooks: in order, once, without a gap, from any ledger."""

from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from schemas.strkey import encode_account_id
from tests.processors.notificator.support import Instance, World, get_now_ms
from tests.support.network import get_account, pay
from tests.support.sandbox import Mood, Sandbox


@pytest.fixture(autouse=True)
def clean(world: World) -> None:
    """No subscription of the test before takes what this one does."""
    world.query("DELETE FROM notificator.subscriptions")


def close_payments(world: World, count: int) -> None:
    """A ledger each, published on the node's topic; now, so that they are news."""
    for _ in range(count):
        network = world.network
        candidate = network.prepare("alice", pay(network, "alice", "bob", "EUR", 1))
        network.close(candidate)
        world.log.publish(network.records[-1])


def subscribe(world: World, one: Instance, **changes: Any) -> dict[str, Any]:
    """From the first ledger; `start_ledger=None`: from the newest of the network."""
    if changes.get("start_ledger", 1) is None:  # an instance that is behind would begin where it is
        wait_for_feed(world)
    content = {"url": f"{world.sandbox.url}/hook", "start_ledger": 1, **changes}
    answer = one.ask("POST", "/v1/subscriptions", content)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def wait_for_feed(world: World) -> None:
    head = world.network.ledger.header.sequence
    newest = "SELECT max(sequence) FROM notificator.feeds"
    world.wait_until(lambda: (world.query(newest)[0][0] or 0) >= head)


def get_cursor(one: Instance, made: dict[str, Any]) -> int:
    return int(one.ask("GET", f"/v1/subscriptions/{made['id']}").json()["cursor"])


def wait_for_head(world: World, one: Instance, made: dict[str, Any]) -> None:
    head = world.network.ledger.header.sequence
    world.wait_until(lambda: get_cursor(one, made) >= head)


def read_batches(world: World, made: dict[str, Any]) -> list[dict[str, Any]]:
    """The batches of a subscription, each verified by the library of its receivers."""
    webhook = Webhook(made["secret"])
    batches = []
    for letter in list(world.sandbox.letters):
        if letter.provider == "webhook" and letter.key.startswith(made["id"]):
            batches.append(webhook.verify(letter.content, letter.headers))
    return batches


def test_batches_are_signed_in_order_and_complete(
    world: World, one: Instance, sandbox: Sandbox
) -> None:
    made = subscribe(world, one)
    assert made["secret"].startswith("whsec_")
    wait_for_head(world, one, made)
    close_payments(world, 3)
    wait_for_head(world, one, made)
    batches = read_batches(world, made)
    expected = 1
    for batch in batches:
        assert int(batch["first_ledger"]) >= expected
        expected = int(batch["last_ledger"]) + 1
    events = [event for batch in batches for event in batch["events"]]
    ids = [tuple(map(int, event["id"].split("-"))) for event in events]
    assert ids == sorted(set(ids))
    received = [e["data"] for e in events if e["type"] == "payment_received"]
    assert [each["amount"] for each in received] == ["0.01"] * 3
    table = repr(world.query("SELECT * FROM notificator.subscriptions"))
    assert made["secret"] not in table
    assert made["secret"] not in one.log.read_text()


def test_filters_choose(world: World, one: Instance, sandbox: Sandbox) -> None:
    bob = encode_account_id(get_account("bob"))
    filters = {"accounts": [bob], "types": ["payment_received"], "assets": ["EUR"]}
    made = subscribe(world, one, filters=filters)
    close_payments(world, 1)
    wait_for_head(world, one, made)
    events = [event for batch in read_batches(world, made) for event in batch["events"]]
    assert {(event["account"], event["type"]) for event in events} == {(bob, "payment_received")}
    assert one.ask("DELETE", f"/v1/subscriptions/{made['id']}").status_code == 200


@pytest.mark.parametrize("mood", [Mood.BROKEN, Mood.TAKEN_DROPPED, Mood.LIMITED, Mood.TAKEN_BROKEN])
def test_a_failed_batch_comes_again_the_same(
    world: World, one: Instance, sandbox: Sandbox, mood: Mood
) -> None:
    made = subscribe(world, one, start_ledger=None)
    sandbox.moods["webhook"] = [mood]
    close_payments(world, 1)
    wait_for_head(world, one, made)
    letters = [x for x in sandbox.letters if x.key.startswith(made["id"])]
    assert len({(x.key, x.content) for x in letters}) == 1
    assert len(letters) == (2 if mood.value.startswith("taken") else 1)


def test_redelivery_from_any_ledger(world: World, one: Instance, sandbox: Sandbox) -> None:
    made = subscribe(world, one)
    wait_for_head(world, one, made)
    first = read_batches(world, made)
    sandbox.letters.clear()
    path = f"/v1/subscriptions/{made['id']}/redeliver"
    assert one.ask("POST", path, {"from_ledger": 1}).status_code == 200
    wait_for_head(world, one, made)
    again = read_batches(world, made)

    def list_events(batches: list[dict[str, Any]]) -> list[Any]:
        return [event for batch in batches for event in batch["events"]]

    assert list_events(again) == list_events(first)


def test_a_subscription_that_fails_for_long_is_disabled(
    world: World, one: Instance, sandbox: Sandbox
) -> None:
    made = subscribe(world, one, start_ledger=None)
    sandbox.moods["webhook"] = [Mood.BROKEN] * 2
    close_payments(world, 1)
    world.wait_until(lambda: sandbox.calls["webhook"] > 0 and not sandbox.moods["webhook"][1:])
    world.query("UPDATE notificator.subscriptions SET failing_since = now() - interval '4 days'")
    shown = f"/v1/subscriptions/{made['id']}"
    world.wait_until(lambda: one.ask("GET", shown).json()["state"] == "DISABLED")
    assert one.ask("POST", f"{shown}/redeliver", {}).json()["state"] == "ACTIVE"
    wait_for_head(world, one, made)
    assert len(read_batches(world, made)) == 1  # nothing was skipped meanwhile


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://127.0.0.1/", "https://localhost/", "ftp://x/", "x"]
)
def test_where_a_webhook_may_not_go_none_is_made(one: Instance, url: str) -> None:
    answer = one.ask("POST", "/v1/subscriptions", {"url": url})
    assert (answer.status_code, "url" in answer.json()["error"]) == (400, True)


def test_accounts_are_told_of_what_they_chose(
    world: World, one: Instance, sandbox: Sandbox
) -> None:
    """Two instances, one message; a replay from the genesis tells nothing again, or of old."""
    bob = encode_account_id(get_account("bob"))
    chosen = one.ask("PUT", f"/v1/accounts/{bob}/choices", {"types": ["payment_received"]})
    assert chosen.json() == {"account": bob, "types": ["payment_received"]}
    assert one.ask("PUT", f"/v1/accounts/{bob}/choices", {"types": ["alarm"]}).status_code == 400
    with world.run("two") as two:
        made = subscribe(world, two, start_ledger=None)
        world.query("DELETE FROM notificator.messages")
        close_now(world)
        world.wait_until(lambda: len(get_mails(sandbox)) == 1)
        wait_for_head(world, one, made)
        fields = get_mails(sandbox)[0]
        assert (fields["to"], fields["subject"]) == ("bob@example.org", "You received 0.01 EUR")
        assert fields["h:List-Unsubscribe"].startswith("<mailto:noreply@example.org?subject=unsub")
    with world.run("three"):
        name = f"{world.prefix}three"
        head = world.network.ledger.header.sequence
        query = "SELECT sequence FROM notificator.feeds WHERE name = %s"
        world.wait_until(lambda: world.query(query, name) == [(head,)])
    rows = world.query("SELECT state FROM notificator.messages")
    assert [state for (state,) in rows] in (["SENT"], ["DELIVERED"])
    assert len(get_mails(sandbox)) == 1


def get_mails(sandbox: Sandbox) -> list[dict[str, str]]:
    return [x.fields for x in list(sandbox.letters) if x.provider == "mailgun"]


def close_now(world: World) -> None:
    """A payment in a ledger of this moment, though the others of the network are old."""
    network = world.network
    network.close(interval_ms=get_now_ms() - network.ledger.header.close_time_ms)
    world.log.publish(network.records[-1])
    close_payments(world, 1)
