"""What becomes of a message after a try: pure. Randomness comes in as a number.

A letter that was surely not taken is tried again, later each time. One of which nobody knows is
looked for first, where that is possible; where it is not it is sent again, unless its type says
that twice is worse than not at all.
"""

from dataclasses import dataclass

from processors.notificator.channels.base import Outcome, Verdict
from processors.notificator.message_types import MessageType
from processors.notificator.states import Claimed, Settlement

TRIES_MAX = 100
FAILURES_TO_OPEN = 8
OPEN_S, OPEN_MAX_S = 5.0, 600.0


@dataclass(frozen=True, slots=True)
class Times:
    """Of the settings: the first and the longest pause between tries; when to search."""

    back_off_s: float
    back_off_max_s: float
    search_s: float


def compute_delay(tries: int, times: Times, chance: float) -> float:
    """Seconds until the next try: doubled each time, of which a random half to all is waited.
    `chance` is from 0 to 1."""
    longest: float = min(times.back_off_s * 2 ** min(tries, 30), times.back_off_max_s)
    return longest * (0.5 + chance / 2)


def decide(
    message: Claimed, row: MessageType, outcome: Outcome, times: Times, chance: float
) -> Settlement:
    """After the last provider of the message's channel that was asked."""
    verdict = outcome.verdict
    if verdict is Verdict.ACCEPTED:
        return Settlement("SENT", provider_id=outcome.provider_id, delay_s=5.0)
    if verdict is Verdict.REFUSED:
        return use_next_channel(message, row, outcome.reason)
    tries = message.tries + 1
    if tries >= TRIES_MAX:
        return Settlement("DEAD", "TOO_MANY_TRIES", tries=tries)
    delay_s = compute_delay(message.tries, times, chance)
    if outcome.retry_after_s is not None:
        delay_s = max(delay_s, outcome.retry_after_s)
    if verdict is Verdict.UNKNOWN:
        delay_s = max(delay_s, times.search_s)
    return Settlement("QUEUED", outcome.reason, delay_s, tries=tries)


def use_next_channel(message: Claimed, row: MessageType, reason: str) -> Settlement:
    """The message cannot go this way; perhaps another."""
    following = message.channel + 1
    if following < len(row.channels):
        return Settlement("QUEUED", reason, channel=following, tries=0)
    return Settlement("DEAD", reason)


def compute_open_s(failures: int, outcome: Outcome, chance: float) -> float | None:
    """For how long a provider is left alone after `failures` in a row; None: not at all."""
    if outcome.retry_after_s is not None:
        return outcome.retry_after_s
    if failures < FAILURES_TO_OPEN:
        return None
    longest: float = min(OPEN_S * 2 ** min(failures - FAILURES_TO_OPEN, 30), OPEN_MAX_S)
    return longest * (0.5 + chance / 2)
