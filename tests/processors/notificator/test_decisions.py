"""What becomes of a message after a try, and how long a provider is left alone."""

import pytest

from processors.notificator.channels.base import Outcome, Verdict
from processors.notificator.decisions import (
    FAILURES_TO_OPEN,
    OPEN_MAX_S,
    TRIES_MAX,
    Times,
    compute_delay,
    compute_open_s,
    decide,
)
from processors.notificator.message_types import TYPES
from processors.notificator.states import Claimed, Settlement

TIMES = Times(5, 1_800, 30)
ROW = TYPES["new_device"]  # e-mail, then SMS


def make_message(channel: int = 0, tries: int = 0) -> Claimed:
    return Claimed(
        1, ROW.name, "t", "s", None, None, None, "", {}, None, channel, tries, 0, False, 2
    )


@pytest.mark.parametrize(
    ("outcome", "message", "settlement"),
    [
        (
            Outcome(Verdict.ACCEPTED, provider_id="x"),
            make_message(),
            Settlement("SENT", provider_id="x", delay_s=5.0),
        ),
        (
            Outcome(Verdict.REFUSED, "R"),
            make_message(tries=4),
            Settlement("QUEUED", "R", channel=1, tries=0),
        ),
        (Outcome(Verdict.REFUSED, "R"), make_message(channel=1), Settlement("DEAD", "R")),
        (
            Outcome(Verdict.UNAVAILABLE, "R"),
            make_message(tries=2),
            Settlement("QUEUED", "R", 20.0, tries=3),
        ),
        (
            Outcome(Verdict.UNAVAILABLE, "R", retry_after_s=300),
            make_message(),
            Settlement("QUEUED", "R", 300, tries=1),
        ),
        (
            Outcome(Verdict.UNKNOWN, "R"),
            make_message(),
            Settlement("QUEUED", "R", 30, tries=1),
        ),
        (
            Outcome(Verdict.UNAVAILABLE, "R"),
            make_message(tries=TRIES_MAX - 1),
            Settlement("DEAD", "TOO_MANY_TRIES", tries=TRIES_MAX),
        ),
    ],
)
def test_decisions(outcome: Outcome, message: Claimed, settlement: Settlement) -> None:
    assert decide(message, ROW, outcome, TIMES, 1.0) == settlement


def test_pauses_double_and_differ() -> None:
    assert [compute_delay(n, TIMES, 1.0) for n in (0, 1, 2, 20)] == [5, 10, 20, 1_800]
    assert [compute_delay(n, TIMES, 0.0) for n in (0, 1, 2, 20)] == [2.5, 5, 10, 900]


def test_a_circuit_opens_after_failures_in_a_row() -> None:
    away = Outcome(Verdict.UNAVAILABLE, "HTTP_503")
    assert compute_open_s(FAILURES_TO_OPEN - 1, away, 1.0) is None
    assert compute_open_s(FAILURES_TO_OPEN, away, 1.0) == 5
    assert compute_open_s(FAILURES_TO_OPEN + 40, away, 1.0) == OPEN_MAX_S
    limited = Outcome(Verdict.UNAVAILABLE, "HTTP_429", retry_after_s=7)
    assert compute_open_s(1, limited, 0.0) == 7
