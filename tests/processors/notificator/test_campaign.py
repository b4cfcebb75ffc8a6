"""Thousands of messages, providers that fail, instances that are killed: each sent or dead, and
twice only where the documentation says so. The provider's own book is the judge."""

import itertools
import random
import time

import pytest

from processors.notificator.letters import compute_key
from schemas.strkey import encode_account_id
from tests.processors.notificator.support import World
from tests.support.network import get_account
from tests.support.sandbox import Mood, Sandbox

# A provider that says how long to wait is left alone for so long, by all: once in a while.
TROUBLES = (
    Mood.LIMITED,
    *16 * (Mood.AWAY, Mood.BROKEN, Mood.TAKEN_BROKEN, Mood.TAKEN_DROPPED, Mood.TAKEN_WRONG),
)
TYPES = ("message", "invoice_paid")


def run_campaign(world: World, sandbox: Sandbox, messages: int, kills: int) -> None:
    """Two instances; a kill at every n-th part of the way, of one and the other in turn."""
    sandbox.share, sandbox.troubles = 0.3, TROUBLES
    names = [f"person {number}" for number in range(messages // 10)]
    accounts = [encode_account_id(get_account(name)) for name in names]
    world.set_contacts({each: {"email": f"{n}@example.org"} for n, each in enumerate(accounts)})
    requests = [
        world.request(
            names[number % len(names)],
            type=TYPES[number % 10 == 0],
            data=b'{"subject": "S", "text": "T", "invoice": "1", "amount": "1", "asset": "E"}',
        )
        for number in range(messages)
    ]
    chance = random.Random(7)

    def count_open() -> int:
        rows = world.query(
            "SELECT count(*) FROM notificator.messages WHERE type <> 'alarm'"
            " AND state IN ('SENT', 'DELIVERED', 'DEAD', 'FAILED')"
        )
        return messages - int(rows[0][0])

    with world.run("one") as one, world.run("two") as two:
        world.produce(*requests)
        instances = itertools.cycle((one, two))
        for kill in range(kills):
            goal = messages * (kills - kill) // (kills + 1)
            world.wait_until(lambda goal=goal: count_open() <= goal, 300)  # type: ignore[misc]
            victim = next(instances)
            victim.kill()
            time.sleep(chance.uniform(0, 0.5))
            victim.start()
        world.wait_until(lambda: count_open() == 0, 600)
    check(world, sandbox, {compute_key(r.type, r.token): r.type for r in requests}, kills)


def check(world: World, sandbox: Sandbox, keys: dict[str, str], kills: int) -> None:
    rows = world.query("SELECT type, token, state, reason FROM notificator.messages")
    found = {compute_key(type_, token): row for type_, token, *row in rows}
    alarms = {compute_key(type_, token) for type_, token, *_ in rows if type_ == "alarm"}
    states = {key: row for key, row in found.items() if key not in alarms}
    assert states.keys() == keys.keys(), "a message was lost, or made"
    counts = sandbox.get_counts("mailgun")
    assert counts.keys() <= found.keys()
    for key, (state, reason) in states.items():
        if state in ("SENT", "DELIVERED"):
            assert counts[key] >= 1, "what was not taken is called sent"
        else:
            assert (state, reason, keys[key]) == ("DEAD", "AMBIGUOUS", "invoice_paid")
    # Mailgun is searched before anything is repeated. What it takes later than that, because it was
    # so slow, is the window in which a letter can be sent twice.
    twice = {key for key, count in counts.items() if count > 1}
    in_window = world.query(
        "SELECT type, token FROM notificator.messages AS m WHERE EXISTS (SELECT FROM"
        " notificator.attempts WHERE message_id = m.id AND outcome = 'no_trace')"
    )
    attempts = world.query(
        "SELECT type, token, a.worker, outcome, a.reason, started_at::text, a.ended_at::text"
        " FROM notificator.attempts AS a JOIN notificator.messages AS m ON m.id = message_id"
        " ORDER BY a.id"
    )
    outside = sorted(twice - {compute_key(*row) for row in in_window})
    told = [row for row in attempts if outside and compute_key(*row[:2]) in outside[:2]]
    assert outside == [], f"{len(outside)}, {told}"
    assert len(twice) <= kills, f"{len(twice)} messages were sent twice in {kills} kills"
    repeats = world.query(
        "SELECT count(*) FROM (SELECT message_id FROM notificator.attempts"
        " GROUP BY message_id HAVING count(*) > 1) AS again"
    )
    assert repeats[0][0] > len(keys) // 10, "the providers did not fail as they should"


def test_a_thousand_messages_with_two_kills(world: World, sandbox: Sandbox) -> None:
    run_campaign(world, sandbox, 1_000, 2)


@pytest.mark.timeout(3_600)
@pytest.mark.campaign
@pytest.mark.faults
def test_ten_thousand_messages_with_twenty_kills(
    world: World, sandbox: Sandbox, fault_round: int
) -> None:
    world.query("TRUNCATE notificator.messages CASCADE")
    run_campaign(world, sandbox, 10_000, 20)
