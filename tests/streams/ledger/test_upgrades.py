"""Upgrades: which are valid, when they rule, and that anybody can follow them from the records."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.contract import ReferenceKind
from schemas.generated.common import U64
from schemas.generated.consensus import (
    IntervalsUpgrade,
    QuorumSet,
    QuorumSetUpgrade,
    ReferencesUpgrade,
    SetLimitsUpgrade,
    TimeBoundsUpgrade,
    TimeoutsUpgrade,
    Upgrade,
    VersionUpgrade,
)
from schemas.generated.ledger import LedgerBody
from streams.herder.catch_up import close_again
from streams.ledger.chain import ForgedLedger, get_genesis_position, verify_record
from streams.ledger.errors import InvariantViolation
from streams.ledger.genesis import open_genesis
from streams.ledger.references import DAY_MS, compute_first_day
from streams.ledger.upgrades import KINDS, are_valid, explain_fault
from tests.support.network import Network, get_public_key, make_economy, pay

HOUR_MS = 3_600_000
INTERVALS = IntervalsUpgrade(U64(300), U64(4_000))
TIMEOUTS = TimeoutsUpgrade(U64(400), U64(600))
SET_LIMITS = SetLimitsUpgrade(100, 2_000_000)
TIME_BOUNDS = TimeBoundsUpgrade(U64(HOUR_MS), U64(4_000))
REFERENCES = ReferencesUpgrade(60, 500, 10)
GOOD = (INTERVALS, TIMEOUTS, SET_LIMITS, TIME_BOUNDS, REFERENCES)


def make_raw(*changes: Any) -> tuple[bytes, ...]:
    return tuple(encode(Upgrade(each)) for each in changes)


def make_quorum_set(threshold: int, count: int) -> QuorumSet:
    keys = sorted(get_public_key(f"validator {number}") for number in range(count))
    return QuorumSet(threshold, tuple(keys), ())


@pytest.mark.parametrize("change", GOOD, ids=lambda change: type(change).__name__)
def test_what_is_voted_rules_from_the_next_ledger_on(change: Any) -> None:
    network = make_economy()
    state = network.ledger.state
    assert explain_fault(change, state) is None
    closed = network.close(upgrades=make_raw(change))
    settings = state.get_network_settings()
    assert all(getattr(settings, n) == getattr(change, n) for n in change.__struct_fields__)
    assert decode(LedgerBody, closed.body).upgrades == make_raw(change)
    assert explain_fault(change, state) == "it is in force"
    assert not are_valid(make_raw(change), state)


@pytest.mark.parametrize(
    "change",
    [
        VersionUpgrade(1),
        VersionUpgrade(2),
        IntervalsUpgrade(U64(49), U64(5_000)),
        IntervalsUpgrade(U64(300), U64(299)),
        IntervalsUpgrade(U64(300), U64(60_001)),
        TimeoutsUpgrade(U64(0), U64(500)),
        SetLimitsUpgrade(1, 1_000),
        SetLimitsUpgrade(1, 8_388_608),
        TimeBoundsUpgrade(U64(599_999), U64(5_000)),
        TimeBoundsUpgrade(U64(HOUR_MS), U64(60_001)),
        QuorumSetUpgrade(make_quorum_set(2, 4)),
        QuorumSetUpgrade(make_quorum_set(3, 4)),
        QuorumSetUpgrade(QuorumSet(2, make_quorum_set(2, 3).validators[::-1], ())),
        QuorumSetUpgrade(QuorumSet(1, (), ())),
    ],
    ids=str,
)
def test_what_would_harm_or_change_nothing_is_not_valid(change: Any) -> None:
    network = make_economy()
    assert explain_fault(change, network.ledger.state) is not None
    with pytest.raises(InvariantViolation):
        network.close(upgrades=make_raw(change))


@pytest.mark.parametrize(
    "raws",
    [
        make_raw(TIMEOUTS, INTERVALS),
        make_raw(INTERVALS, INTERVALS),
        (b"",),
        (make_raw(INTERVALS)[0] + b"\0",),
    ],
    ids=str,
)
def test_upgrades_come_in_one_order_once_each(raws: tuple[bytes, ...]) -> None:
    assert not are_valid(raws, make_economy().ledger.state)


def test_kinds_are_in_the_order_of_the_union() -> None:
    raws = [make_raw(each)[0][0] for each in (*GOOD, QuorumSetUpgrade(make_quorum_set(3, 3)))]
    assert raws == [2 * KINDS.index(type(each)) for each in GOOD] + [2 * (len(KINDS) - 1)]


def test_a_ledger_with_upgrades_is_closed_again_from_its_record() -> None:
    network = make_economy()
    other = Network(network.genesis)
    for record in network.records[1:]:
        close_again(other.ledger, other.ledger.state.get_validators().quorum_set, record)
    quorum_set = QuorumSetUpgrade(make_quorum_set(3, 3))
    network.close(
        network.prepare("alice", pay(network, "alice", "bob", "EUR", 1)),
        upgrades=make_raw(*GOOD, quorum_set),
    )
    network.close()
    for record in network.records[-2:]:
        close_again(other.ledger, other.ledger.state.get_validators().quorum_set, record)
    assert other.ledger.header_hash == network.ledger.header_hash


def test_the_old_quorum_set_certifies_the_change_and_the_new_one_what_follows() -> None:
    network = make_economy()
    network.close(upgrades=make_raw(QuorumSetUpgrade(make_quorum_set(4, 5))))
    network.close()
    network.close(upgrades=make_raw(QuorumSetUpgrade(make_quorum_set(3, 3))))
    network.close()
    position, sizes = get_genesis_position(network.network_id), []
    for record in network.records:
        position = verify_record(position, record, network.genesis_hash).position
        sizes.append((len(record.certificate.signatures), len(position.quorum_set.validators)))
    assert sizes[-4:] == [(3, 5), (4, 5), (4, 3), (3, 3)]
    old = network.records[-2].certificate
    forged = replace(network.records[-1], certificate=replace(old, signatures=old.signatures[:2]))
    before = get_genesis_position(network.network_id)
    for record in network.records[:-1]:
        before = verify_record(before, record, network.genesis_hash).position
    with pytest.raises(ForgedLedger):
        verify_record(before, forged)


def test_a_wider_window_of_references_grows_from_the_oldest_day_that_is_kept() -> None:
    """A day that was dropped never comes back, also if the window was narrow for a while."""
    network = make_economy()
    state, kind = network.ledger.state, ReferenceKind.PAYMENT

    def get_first() -> int:
        today = network.ledger.header.close_time_ms // DAY_MS
        return today - compute_first_day(state.get_network_settings(), kind, today)

    def vote(days: int) -> None:
        network.close(upgrades=make_raw(ReferencesUpgrade(days, 400, 1_000)))

    assert get_first() == 30
    vote(60)
    assert get_first() == 30
    network.close(interval_ms=5 * DAY_MS)
    assert get_first() == 35
    vote(2)
    assert get_first() == 2
    vote(60)
    assert get_first() == 2
    network.close(interval_ms=DAY_MS)
    assert get_first() == 3


def test_the_genesis_has_no_upgrades() -> None:
    opened = open_genesis(make_economy().genesis)
    assert decode(LedgerBody, opened.closed.body).upgrades == ()
