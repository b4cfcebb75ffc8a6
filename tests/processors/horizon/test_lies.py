"""A ledgers topic that lies to the processor: repeats are passed over, gaps are filled or refused
by name, and whatever is forged or forked stops it with an alarm, its views as they were.

Every round lies at another place of the chain, by other bits. More lies are told in process, to
`follow`.
"""

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.generated.common import Hash
from schemas.generated.ledger import LedgerHeader
from schemas.settings import EXIT_NOT_TRUE
from tests.processors.lies import (
    COMMON,
    LIES,
    NETWORK,
    OTHER,
    RECORDS,
    Value,
    drop_signature,
    falsify_signature,
)
from tests.processors.support import Log, Views
from tests.support.servers import Servers

TOLD = (
    "a false signature",
    "a certificate one signature short",
    "another body under a true header",
    "a forged ledger",
    "a truncated record",
)


def get_chance(*words: object) -> random.Random:
    return random.Random(repr(words))


class Liars:
    """Views that stand before some ledger in every round, and topics that lie from there on."""

    def __init__(self, servers: Servers, make_folder: Callable[[str], Path]) -> None:
        self._servers = servers
        self._make_folder = make_folder
        self._views: dict[int, Views] = {}

    def get_views(self, place: int) -> Views:
        """All of them begin with true ledgers, folded by a processor."""
        if place not in self._views:
            views = Views(self._servers, self._make_folder(f"views{place}"), NETWORK)
            views.fold(RECORDS[:place])
            self._views[place] = views
        return self._views[place]

    def check_it_stops(
        self, place: int, told: Sequence[Value], reason: str, peers: Sequence[str] = ()
    ) -> None:
        """What a topic tells instead of the ledgers from `place` on ends the processor with an
        alarm that says why, and leaves its views as they were."""
        views = self.get_views(place)
        before = views.get_rows()
        log = Log(self._servers, f"{self._servers.get_prefix('liar')}node.ledgers")
        log.publish(*RECORDS[:place], *told)
        with views.run(ledgers_topic=log.topic, peer_topics=tuple(peers)) as processor:
            assert processor.wait_for_end() == EXIT_NOT_TRUE
            assert reason in processor.get_alarms()[0]
        assert views.get_rows() == before
        assert views.is_right()


@pytest.fixture(scope="module")
def liars(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Liars:
    return Liars(servers, tmp_path_factory.mktemp)


def get_place(fault_round: int) -> int:
    """Another one every round, where both histories have gone apart and others follow."""
    places = range(COMMON + 1, len(RECORDS) - 1)
    return places[fault_round % len(places)]


@pytest.mark.parametrize("name", TOLD)
def test_what_is_forged_stops_the_processor(liars: Liars, name: str, fault_round: int) -> None:
    lie, reason = LIES[name]
    place = get_place(fault_round)
    told = [lie(RECORDS[place], get_chance(name, fault_round)), *RECORDS[place:]]
    liars.check_it_stops(place, told, reason)


def test_another_history_stops_the_processor(liars: Liars, fault_round: int) -> None:
    """A ledger under a known number that is no repeat."""
    place = get_place(fault_round)
    known = place - 1 - fault_round % (place - COMMON)
    liars.check_it_stops(place, [OTHER.records[known]], "the chain forked")


def test_missing_and_reordered_ledgers_stop_the_processor_if_nobody_has_them(
    liars: Liars, servers: Servers, fault_round: int
) -> None:
    """A peer that lies has nothing either."""
    place = get_place(fault_round)
    peer = Log(servers, f"{servers.get_prefix('peer')}node.ledgers")
    forged = drop_signature(RECORDS[place], get_chance("peer", fault_round))
    peer.publish(*RECORDS[:place], forged, *RECORDS[place + 1 :])
    missing = RECORDS[place + 1 :]
    reordered = [RECORDS[place + 1], RECORDS[place], *RECORDS[place + 2 :]]
    told = reordered if fault_round % 2 else missing
    reason = f"ledgers {place + 1} to {place + 1} are missing, also on the topics of other nodes"
    liars.check_it_stops(place, told, reason, [peer.topic])


def test_another_genesis_stops_the_processor(servers: Servers, tmp_path: Path) -> None:
    """And whenever it is started again."""
    header = replace(decode(LedgerHeader, RECORDS[0].header), state_root=Hash(bytes(32)))
    views = Views(servers, tmp_path, NETWORK)
    views.log.publish(replace(RECORDS[0], header=encode(header)))
    for _ in range(2):
        with views.run() as processor:
            assert processor.wait_for_end() == EXIT_NOT_TRUE
            assert "the genesis is not the pinned one" in processor.get_alarms()[0]
        assert views.get_sequence() == 0


def test_gaps_are_filled_and_repeats_passed_over(
    liars: Liars, servers: Servers, tmp_path: Path, fault_round: int
) -> None:
    """By the one peer of three that has what is missing and does not lie."""
    chance = get_chance("gap", fault_round)
    first = chance.randrange(2, len(RECORDS) - 3)
    last = chance.randrange(first + 1, len(RECORDS) - 1)
    views = Views(servers, tmp_path, NETWORK)
    empty, liar, friend = (Log(servers, f"{views.prefix}node{n}.ledgers") for n in (2, 3, 4))
    liar.publish(*RECORDS[:first], falsify_signature(RECORDS[first], chance), *RECORDS[first:])
    friend.publish(*RECORDS[:first], *RECORDS[1:])
    views.log.publish(*RECORDS[:first], *RECORDS[:first], *RECORDS[last:], *RECORDS[1:])
    with views.run(peer_topics=(empty.topic, liar.topic, friend.topic)) as processor:
        processor.wait_for(len(RECORDS))
        again = chance.choices(RECORDS, k=3)
        views.log.publish(*again)
        assert processor.stop() == 0
    assert views.is_right()
    assert views.get_rows() == liars.get_views(len(RECORDS)).get_rows()
